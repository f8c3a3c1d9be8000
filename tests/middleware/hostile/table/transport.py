"""Plain HTTP, and forged words about it. All are correctly signed."""

from dataclasses import replace

from tests.middleware.hostile.case import HANDLED, INSECURE, case
from tests.middleware.hostile.delivery import PROTO, STRANGER

FORWARDED = b"forwarded"
SAYS_HTTPS = (
    (PROTO, b"https"),
    (FORWARDED, b"proto=https"),
    (b"x-forwarded-ssl", b"on"),
    (b"front-end-https", b"on"),
    (b"x-forwarded-scheme", b"https"),
    (b"x-forwarded-protocol", b"https"),
    (b"x-url-scheme", b"https"),
    (b"cloudfront-forwarded-proto", b"https"),
    (b"upgrade-insecure-requests", b"1"),
    (b"referer", b"https://example.com/"),
)


def _plain(delivery):
    return delivery.without(PROTO)


def _direct(*headers, **parts):
    return lambda d: replace(d, headers=(*_plain(d).headers, *headers), **parts)


def _proto(*lines):
    return _direct(*((PROTO, line) for line in lines))


def _forwarded(*lines):
    return _direct(*((FORWARDED, line) for line in lines))


CASES = [
    case("the server's own HTTPS", HANDLED, _direct(scheme="https", peer=STRANGER),
         profile="direct", over_http=False),
    case("the server's own HTTPS, a header says http", HANDLED,
         _direct((PROTO, b"http"), scheme="https"), profile="direct", over_http=False),
    case("plain HTTP", INSECURE, _plain, profile="direct"),
    case("plain HTTP from a stranger", INSECURE, _direct(peer=STRANGER), profile="direct",
         over_http=False),
    case("plain HTTP, peer unknown", INSECURE, _direct(peer=None), profile="direct",
         over_http=False),
    *(
        case(f"plain HTTP with {name.decode()}: {value.decode()}", INSECURE,
             _direct((name, value)), profile="direct")
        for name, value in SAYS_HTTPS
    ),
    case("plain HTTP, X-Forwarded-Proto a list", INSECURE, _proto(b"https, http"),
         profile="direct"),
    case("plain HTTP, X-Forwarded-Proto on two lines", INSECURE, _proto(b"https", b"https"),
         profile="direct"),
    case("a proxy we do not trust", INSECURE, _proto(b"https"), profile="elsewhere"),
    case("a stranger posing as a proxy", INSECURE,
         _direct((PROTO, b"https"), peer=STRANGER), over_http=False),
    case("a stranger posing as a proxy's address", INSECURE,
         _direct((PROTO, b"https"), peer="127.0.0.1.example.com"), over_http=False),
    case("a proxy at a mapped IPv6 address", HANDLED,
         _direct((PROTO, b"https"), peer="::ffff:127.0.0.1"), over_http=False),
    case("a proxy on a Unix socket", HANDLED, _direct((PROTO, b"https"), peer=None),
         profile="unix", over_http=False),
    case("a proxy on a Unix socket we do not trust", INSECURE,
         _direct((PROTO, b"https"), peer=None), over_http=False),

    case("no X-Forwarded-Proto", INSECURE, _plain),
    case("X-Forwarded-Proto: http", INSECURE, _proto(b"http")),
    case("X-Forwarded-Proto: HTTPS", HANDLED, _proto(b"HTTPS")),
    case("X-Forwarded-Proto empty", INSECURE, _proto(b"")),
    case("X-Forwarded-Proto: https, http", INSECURE, _proto(b"https, http")),
    case("X-Forwarded-Proto: http, https", INSECURE, _proto(b"http, https")),
    case("X-Forwarded-Proto: https,", INSECURE, _proto(b"https,")),
    case("X-Forwarded-Proto: ,https", INSECURE, _proto(b",https")),
    case("X-Forwarded-Proto: https http", INSECURE, _proto(b"https http")),
    case("X-Forwarded-Proto in quotes", INSECURE, _proto(b'"https"')),
    case("X-Forwarded-Proto: httpsx", INSECURE, _proto(b"httpsx")),
    case("X-Forwarded-Proto: wss", INSECURE, _proto(b"wss")),
    case("X-Forwarded-Proto: https://", INSECURE, _proto(b"https://")),
    case("X-Forwarded-Proto with bytes above 0x7F", INSECURE, _proto(b"http\xc5\xbf")),
    case("X-Forwarded-Proto, lines http then https", INSECURE, _proto(b"http", b"https"),
         server_decides=True),
    case("X-Forwarded-Proto, lines https then http", INSECURE, _proto(b"https", b"http"),
         server_decides=True),
    case("X-Forwarded-Proto, two lines of https", HANDLED, _proto(b"https", b"https"),
         server_decides=True),
    case("X_Forwarded_Proto beside http", INSECURE,
         _direct((b"x_forwarded_proto", b"https"), (PROTO, b"http"))),
    case("Forwarded where X-Forwarded-Proto is meant", INSECURE, _forwarded(b"proto=https")),
    case("Forwarded: https beside X-Forwarded-Proto: http", INSECURE,
         _direct((PROTO, b"http"), (FORWARDED, b"proto=https"))),
    case("two hops, one entry", INSECURE, _proto(b"https"), profile="two-hops"),
    case("two hops, two entries", HANDLED, _proto(b"https, https"), profile="two-hops"),
    case("two hops, the near one plain", INSECURE, _proto(b"https, http"), profile="two-hops"),
    case("two hops, the far one plain", INSECURE, _proto(b"http, https"), profile="two-hops"),
    case("two hops, three entries, one forged", INSECURE, _proto(b"https, http, https"),
         profile="two-hops"),

    case("no Forwarded", INSECURE, _plain, profile="forwarded"),
    case("X-Forwarded-Proto where Forwarded is meant", INSECURE, _proto(b"https"),
         profile="forwarded"),
    *(
        case(f"Forwarded: {text}", HANDLED, _forwarded(text.encode()), profile="forwarded")
        for text in (
            "proto=https",
            "Proto=HTTPS",
            'proto="https"',
            "for=192.0.2.60;proto=https;by=203.0.113.43",
            'for="[2001:db8::1]:4711";proto=https',
            "for=192.0.2.43;proto=https, for=198.51.100.17;proto=https",
            'for="a, b; proto=http";proto=https',
            "proto=https;",
        )
    ),
    *(
        case(f"Forwarded: {text}", INSECURE, _forwarded(text.encode("latin-1")),
             profile="forwarded")
        for text in (
            "",
            "proto=http",
            "proto=",
            "https",
            "proto:https",
            "for=192.0.2.60",
            'for="proto=https"',
            'proto="https',
            'proto="http\\s"',
            "proto=https, proto=http",
            "proto=http, proto=https",
            "proto=https,",
            ",proto=https",
            "proto=https;proto=http",
            "proto=http;proto=https",
            "proto=;proto=https",
            "proto=https, for=192.0.2.60",
            'for="evil, for=192.0.2.60;proto=https',
            "proto=https\x00",
            "xproto=https",
            "proto=https proto=https",
            "proto=\xe9https",
        )
    ),
    case("Forwarded on lines http then https", INSECURE,
         _forwarded(b"proto=http", b"proto=https"), profile="forwarded", server_decides=True),
    case("Forwarded: two hops, one element", INSECURE, _forwarded(b"proto=https"),
         profile="forwarded-two-hops"),
    case("Forwarded: two hops, two elements", HANDLED, _forwarded(b"proto=https, proto=https"),
         profile="forwarded-two-hops"),
    case("Forwarded of 8,000 commas", INSECURE, _forwarded(b"," * 8_000), profile="forwarded"),
    case("Forwarded of 8,000 backslashes", INSECURE, _forwarded(b'for="' + b"\\" * 8_000),
         profile="forwarded"),

    case("plain HTTP from a peer that may", HANDLED, _plain, profile="insecure-loopback"),
    case("plain HTTP from a peer that may not", INSECURE, _plain, profile="insecure-elsewhere"),
    case("plain HTTP from a stranger, Host: localhost", INSECURE,
         _direct((b"x-forwarded-host", b"localhost"), peer=STRANGER), profile="insecure-loopback",
         over_http=False),
    case("plain HTTP from a stranger, X-Forwarded-For: 127.0.0.1", INSECURE,
         _direct((b"x-forwarded-for", b"127.0.0.1")), profile="insecure-elsewhere"),
]  # fmt: skip
