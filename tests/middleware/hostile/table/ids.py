"""Event ids, and what a body can be re-split into. All are correctly signed."""

from tests.middleware.hostile.case import DUPLICATE, FORGED, HANDLED, MALFORMED, TOO_LONG, case
from tests.middleware.hostile.delivery import ID, KEY, SIGNATURE, TIMESTAMP, mac, token


def _id(text):
    return lambda d: d.signed(event_id=text)


def _filled(size):
    return lambda d: d.signed(event_id=d.get(ID).ljust(size, b"x"))


def _suffixed(suffix):
    return lambda d: d.signed(event_id=d.get(ID) + suffix)


def _unicode_lookalike(delivery):
    return delivery.signed(event_id=b"evt_" + "\u0430".encode())


def _resplit(move):
    """Take an honest signature of a body that begins like a timestamp, and cut elsewhere."""

    def make(delivery):
        event_id, now = delivery.get(ID), delivery.get(TIMESTAMP)
        body = b"%b.payload" % now
        honest = delivery.send(body).signature(token(mac(event_id, now, body, KEY)))
        return move(honest, event_id, now)

    return make


CASES = [
    case("a slash in the id", HANDLED, _suffixed(b"/1")),
    case("every allowed character", HANDLED,
         _suffixed(bytes(set(range(0x21, 0x7F)) - set(b".,")))),
    case("an id of 256 bytes", HANDLED, _filled(256)),
    case("an id of 257 bytes", TOO_LONG, _filled(257)),
    case("an id of 4 KiB", TOO_LONG, _filled(4096)),
    case("an id of 10 KB", TOO_LONG, _filled(10_000)),
    case("a point in the id", MALFORMED, _suffixed(b".1")),
    case("only a point", MALFORMED, _id(b".")),
    case("a comma in the id", DUPLICATE, _suffixed(b",1")),
    case("a space in the id", MALFORMED, _suffixed(b" 1")),
    case("a tab in the id", MALFORMED, _suffixed(b"\t1")),
    case("a control character in the id", MALFORMED, _suffixed(b"\x01")),
    case("an escape sequence in the id", MALFORMED, _suffixed(b"\x1b[31m")),
    case("DEL in the id", MALFORMED, _suffixed(b"\x7f")),
    case("CR LF in the id", MALFORMED, _suffixed(b"\r\nx-forged: 1"), over_http=False),
    case("a newline at the id's end", MALFORMED, _suffixed(b"\n"), over_http=False),
    case("latin-1 in the id", MALFORMED, _suffixed(b"\xe9")),
    case("UTF-8 in the id", MALFORMED, _unicode_lookalike),
    case("path traversal in the id", MALFORMED, _suffixed(b"/../../etc/passwd")),
    case("the id changed after signing", FORGED, lambda d: d.set(ID, b"evt_other")),
    case("the id's case changed after signing", FORGED, lambda d: d.set(ID, d.get(ID).upper())),
    case("re-split: the timestamp moved into the id", MALFORMED, _resplit(
        lambda d, event_id, now: d.set(ID, event_id + b"." + now).send(b"payload"))),
    case("re-split: the body moved into the timestamp", MALFORMED, _resplit(
        lambda d, _, now: d.set(TIMESTAMP, now + b"." + now).send(b"payload"))),
    case("re-split: the id moved into the timestamp", MALFORMED, _resplit(
        lambda d, event_id, now: d.set(ID, event_id[:4]).set(TIMESTAMP, event_id[4:] + b"." + now)
    )),
    case("re-split: the signed body is whole, its cut as signed", HANDLED,
         _resplit(lambda d, event_id, now: d)),
    case("re-split: nothing but the signature kept", FORGED, lambda d: d.signed(
        event_id=b"evt_new").set(SIGNATURE, d.get(SIGNATURE))),
]  # fmt: skip
