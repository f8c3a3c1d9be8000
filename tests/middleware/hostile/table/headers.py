"""Headers missing, empty, repeated, misspelt and oversized."""

from dataclasses import replace

from tests.middleware.hostile.case import (
    DUPLICATE,
    FORGED,
    HANDLED,
    MALFORMED,
    MISSING,
    TOO_LONG,
    case,
)
from tests.middleware.hostile.delivery import ID, SIGNATURE, TIMESTAMP

REQUIRED = (ID, TIMESTAMP, SIGNATURE)
SVIX = {ID: b"svix-id", TIMESTAMP: b"svix-timestamp", SIGNATURE: b"svix-signature"}
UNDERSCORED = {name: name.replace(b"-", b"_") for name in REQUIRED}
KIB_64 = 64 * 1024


def _upper(delivery):
    return delivery.rename({name: name.upper() for name in REQUIRED})


def _first(delivery, name, value):
    return replace(delivery, headers=((name, value), *delivery.headers))


def _nul(name):
    return lambda d: d.set(name, d.get(name) + b"\x00")


def _high(name):
    return lambda d: d.set(name, d.get(name) + b"\xff\x80")


def _utf8(name):
    return lambda d: d.set(name, "ünïcödé".encode() + d.get(name))


def _large(name):
    return lambda d: d.set(name, b"1" * KIB_64)


def _twice(name):
    return lambda d: d.add(name, d.get(name))


CASES = [
    case("honest", HANDLED, lambda d: d),
    case("honest, upper-case header names", HANDLED, _upper),
    case("honest, svix aliases", HANDLED, lambda d: d.rename(SVIX)),
    case("honest, both sets", HANDLED, lambda d: replace(
        d, headers=d.headers + d.rename(SVIX).headers[-3:]
    )),
    case("no headers at all", MISSING, lambda d: d.without(*REQUIRED)),
    *(
        case(f"{name.decode()} missing", MISSING, lambda d, name=name: d.without(name))
        for name in REQUIRED
    ),
    *(
        case(f"{SVIX[name].decode()} missing", MISSING, lambda d, name=name: d.without(name)
             .rename(SVIX))
        for name in REQUIRED
    ),
    *(
        case(f"{name.decode()} under its alias, the others not", MISSING,
             lambda d, name=name: d.rename({name: SVIX[name]}))
        for name in REQUIRED
    ),
    case("webhook-id empty", MISSING, lambda d: d.set(ID, b"")),
    case("webhook-timestamp empty", MISSING, lambda d: d.set(TIMESTAMP, b"")),
    case("webhook-signature empty", FORGED, lambda d: d.set(SIGNATURE, b"")),
    case("all three empty", MISSING, lambda d: d.set(ID, b"").set(TIMESTAMP, b"")
         .set(SIGNATURE, b"")),
    case("webhook-id blank", MALFORMED, lambda d: d.set(ID, b" "), over_http=False),
    case("webhook-id twice, alike", DUPLICATE, _twice(ID), server_decides=True),
    case("webhook-id twice, the forged one first", DUPLICATE,
         lambda d: _first(d, ID, b"evt_forged"), server_decides=True),
    case("webhook-id twice, the forged one last", DUPLICATE, lambda d: d.add(ID, b"evt_forged"),
         server_decides=True),
    case("webhook-id twice, in differing case", DUPLICATE, lambda d: d.add(b"Webhook-ID", b"evt_2"),
         server_decides=True),
    case("webhook-timestamp twice, alike", DUPLICATE, _twice(TIMESTAMP), server_decides=True),
    case("webhook-timestamp twice, differing", DUPLICATE,
         lambda d: d.add(TIMESTAMP, b"%d" % (d.now + 1)), server_decides=True),
    case("webhook-signature twice, alike", FORGED, _twice(SIGNATURE), server_decides=True),
    case("webhook-signature twice, junk first", FORGED,
         lambda d: _first(d, SIGNATURE, b"v1,junk"), server_decides=True),
    case("webhook-signature twice, junk last", FORGED, lambda d: d.add(SIGNATURE, b"v1,junk"),
         server_decides=True),
    # PEP 3333 gives both spellings one name; nothing but what is correctly signed gets through.
    case("only underscores in the names", MISSING, lambda d: d.rename(UNDERSCORED),
         on_wsgi=HANDLED, server_decides=True),
    case("only underscores in the names, forged", MISSING,
         lambda d: d.rename(UNDERSCORED).set(b"webhook_signature", b"v1,junk"), on_wsgi=FORGED),
    case("an underscored signature beside the honest one", HANDLED,
         lambda d: d.add(b"webhook_signature", b"v1,junk"), on_wsgi=FORGED, server_decides=True),
    case("an underscored id beside the honest one", HANDLED,
         lambda d: d.add(b"webhook_id", b"evt_forged"), on_wsgi=DUPLICATE, server_decides=True),
    case("an underscored timestamp beside the honest one", HANDLED,
         lambda d: d.add(b"webhook_timestamp", b"1"), on_wsgi=DUPLICATE, server_decides=True),
    case("webhook-id with NUL", MALFORMED, _nul(ID)),
    case("webhook-timestamp with NUL", MALFORMED, _nul(TIMESTAMP)),
    case("webhook-signature with NUL", FORGED, _nul(SIGNATURE)),
    case("webhook-id with bytes above 0x7F", MALFORMED, _high(ID)),
    case("webhook-timestamp with bytes above 0x7F", MALFORMED, _high(TIMESTAMP)),
    case("webhook-signature with bytes above 0x7F", FORGED, _high(SIGNATURE)),
    case("webhook-id in UTF-8", MALFORMED, _utf8(ID)),
    case("webhook-timestamp in UTF-8", MALFORMED, _utf8(TIMESTAMP)),
    case("webhook-signature in UTF-8", FORGED, _utf8(SIGNATURE)),
    case("webhook-id of 64 KiB", TOO_LONG, _large(ID)),
    case("webhook-timestamp of 64 KiB", TOO_LONG, _large(TIMESTAMP)),
    case("webhook-signature of 64 KiB", TOO_LONG, _large(SIGNATURE)),
    case("another header of 64 KiB", HANDLED, lambda d: d.add(b"x-other", b"1" * KIB_64),
         server_decides=True),
    case("another header with bytes above 0x7F", HANDLED, lambda d: d.add(b"x-other", b"\xff\xfe"),
         server_decides=True),
    case("another header with NUL", HANDLED, lambda d: d.add(b"x-other", b"a\x00b"),
         server_decides=True),
    case("400 other headers", HANDLED, lambda d: replace(
        d, headers=d.headers + tuple((b"x-%d" % n, b"1") for n in range(400))
    ), server_decides=True),
]  # fmt: skip
