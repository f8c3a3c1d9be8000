"""The signature list, base64 spellings and confused algorithms."""

import base64

from tests.middleware.hostile.case import FORGED, HANDLED, TOO_LONG, case
from tests.middleware.hostile.delivery import ED25519_PUBLIC, ID, KEY, TIMESTAMP, mac, secret, token

JUNK = (b"garbage", b"v1", b"v1,", b",", b",,,", b"v2,AAAA", b"v1a,!!!", b"V1,AAAA", b"=", b"")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def _list(*before, after=()):
    return lambda d: d.signature(b" ".join([*before, d.token(), *after]))


def _raw(change):
    """Change the raw digest and encode it properly."""
    return lambda d: d.signature(token(change(d)))


def _text(change, holding=b"v1,"):
    """Change the base64 text of the right digest."""

    def make(delivery):
        found = delivery.with_digest(holding=holding)
        return found.signature(b"v1," + change(base64.b64encode(found.mac())))

    return make


def _stray_bits(text):
    """Another spelling of the same digest: one of the two bits that base64 leaves over is set."""
    stray = _ALPHABET[_ALPHABET.index(text[-2]) + 1]
    return text[:-2] + bytes([stray]) + b"="


def _flip(raw):
    return bytes([raw[0] ^ 1]) + raw[1:]


def _without_body(delivery):
    return mac(delivery.get(ID), delivery.get(TIMESTAMP), b"", KEY)


CASES = [
    *(
        case(f"valid after {junk.decode()!r}", HANDLED, _list(junk))
        for junk in JUNK
    ),
    case("valid before junk", HANDLED, _list(after=(b"junk", b"v1,AAAA"))),
    case("valid as the last of 16", HANDLED, _list(*[b"v1,AAAA"] * 15)),
    case("valid after 14 digests of other keys", HANDLED, _list(*[token(bytes([n]) * 32)
         for n in range(14)])),
    case("valid as the 17th", TOO_LONG, _list(*[b"v1,AAAA"] * 16)),
    case("valid as the last of 300", TOO_LONG, _list(*[b"v1,AAAA"] * 299)),
    case("valid as the last of 10,000", TOO_LONG, _list(*[b"v1,AAAA"] * 9_999)),
    case("3,000 commas", FORGED, lambda d: d.signature(b"v1," + b"," * 3_000)),
    case("only unknown versions", FORGED, lambda d: d.signature(b"v2,AAAA v9,AAAA")),
    case("the right digest as v2", FORGED, lambda d: d.signature(b"v2," + d.token()[3:])),
    case("the right digest as v0", FORGED, lambda d: d.signature(b"v0," + d.token()[3:])),
    case("the right digest as v1a", FORGED, lambda d: d.signature(b"v1a," + d.token()[3:])),
    case("the right digest as V1", FORGED, lambda d: d.signature(b"V1," + d.token()[3:])),
    case("the right digest as v1=", FORGED, lambda d: d.signature(b"v1=" + d.token()[3:])),
    case("the right digest without a version", FORGED, lambda d: d.signature(d.token()[3:])),
    case("the right digest without a comma", FORGED,
         lambda d: d.signature(b"v1" + d.token()[3:])),
    case("an extra comma", FORGED, lambda d: d.signature(b"v1,," + d.token()[3:])),
    case("separated by commas", FORGED, lambda d: d.signature(b"v1,AAAA," + d.token())),
    case("separated by a tab", FORGED, lambda d: d.signature(b"v1,AAAA\t" + d.token())),
    case("separated by semicolons", FORGED, lambda d: d.signature(b"v1,AAAA;" + d.token())),
    case("in quotes", FORGED, lambda d: d.signature(b'"' + d.token() + b'"')),

    case("hex, lower case", FORGED, lambda d: d.signature(b"v1," + d.mac().hex().encode())),
    case("hex, upper case", FORGED, lambda d: d.signature(b"v1," + d.mac().hex().upper().encode())),
    case("base64 without padding", FORGED, _text(lambda text: text.rstrip(b"="))),
    case("base64 with too much padding", FORGED, _text(lambda text: text + b"=")),
    case("base64 with a full quad of padding", FORGED, _text(lambda text: text + b"====")),
    case("base64 with padding inside", FORGED, _text(lambda text: text[:8] + b"=" + text[8:])),
    case("base64, urlsafe minus", FORGED, _text(lambda t: t.replace(b"+", b"-"), holding=b"+")),
    case("base64, urlsafe underscore", FORGED,
         _text(lambda t: t.replace(b"/", b"_"), holding=b"/")),
    case("base64 with stray bits", FORGED, _text(_stray_bits)),
    case("base64 with '!' inside", FORGED, _text(lambda text: text[:8] + b"!" + text[8:])),
    case("base64 with a newline inside", FORGED, _text(lambda text: text[:8] + b"\n" + text[8:]),
         over_http=False),
    case("base64 with a newline at the end", FORGED, _text(lambda text: text + b"\n"),
         over_http=False),
    case("base64 with a tab inside", FORGED, _text(lambda text: text[:8] + b"\t" + text[8:])),
    case("base64 with a space inside", FORGED, _text(lambda text: text[:8] + b" " + text[8:])),
    case("base64 in lower case", FORGED, _text(lambda text: text.lower())),
    case("base64 twice", FORGED, _text(base64.b64encode)),
    case("percent-encoded", FORGED, _text(lambda text: text.replace(b"=", b"%3D"))),

    case("no digest", FORGED, lambda d: d.signature(b"v1,")),
    case("truncated to 31 bytes", FORGED, _raw(lambda d: d.mac()[:31])),
    case("truncated to 16 bytes", FORGED, _raw(lambda d: d.mac()[:16])),
    case("truncated to 1 byte", FORGED, _raw(lambda d: d.mac()[:1])),
    case("one byte longer", FORGED, _raw(lambda d: d.mac() + b"\x00")),
    case("the digest twice over", FORGED, _raw(lambda d: d.mac() * 2)),
    case("one bit flipped", FORGED, _raw(lambda d: _flip(d.mac()))),
    case("all zeros", FORGED, _raw(lambda _: bytes(32))),

    case("HMAC-SHA1", FORGED, _raw(lambda d: d.mac(digest="sha1"))),
    case("HMAC-SHA512", FORGED, _raw(lambda d: d.mac(digest="sha512"))),
    case("HMAC-MD5 as v0", FORGED, lambda d: d.signature(
        b"v0," + base64.b64encode(d.mac(digest="md5"))
    )),
    case("keyed with nothing", FORGED, _raw(lambda d: d.mac(key=b""))),
    case("keyed with the secret's text", FORGED, _raw(lambda d: d.mac(key=secret(KEY).encode()))),
    case("keyed with the secret's base64", FORGED, _raw(lambda d: d.mac(base64.b64encode(KEY)))),
    case("over no body", FORGED, _raw(_without_body)),
    case("of another event", FORGED,
         lambda d: d.signature(d.signed(event_id=b"evt_other").token())),
    case("of another second", FORGED, lambda d: d.signature(d.signed(timestamp=d.now - 1).token())),

    case("ed25519, no public key configured", FORGED,
         lambda d: d.signature(b"v1a," + base64.b64encode(b"s" * 64))),
    case("ed25519", HANDLED, lambda d: d.signature(d.ed25519()), profile="public-key"),
    case("ed25519 after junk", HANDLED,
         lambda d: d.signature(b"v1a,!!! v1,AAAA v1a,AAAA " + d.ed25519()), profile="public-key"),
    case("ed25519 of another body", FORGED,
         lambda d: d.signature(d.send(b"other").ed25519()), profile="public-key"),
    case("ed25519 sent as v1", FORGED,
         lambda d: d.signature(d.ed25519().replace(b"v1a", b"v1")), profile="public-key"),
    case("ed25519, 63 bytes", FORGED,
         lambda d: d.signature(b"v1a," + base64.b64encode(b"s" * 63)), profile="public-key"),
    case("ed25519, no bytes", FORGED, lambda d: d.signature(b"v1a,"), profile="public-key"),
    case("HMAC keyed with the public key", FORGED,
         lambda d: d.signed(key=ED25519_PUBLIC), profile="public-key"),
    case("HMAC keyed with the public key's text", FORGED,
         lambda d: d.signed(key=secret(ED25519_PUBLIC, "whpk_").encode()), profile="public-key"),
    case("both kinds configured, HMAC sent", HANDLED, lambda d: d, profile="both-kinds"),
    case("both kinds configured, ed25519 sent", HANDLED,
         lambda d: d.signature(d.ed25519()), profile="both-kinds"),
    case("both kinds configured, HMAC keyed with the public key", FORGED,
         lambda d: d.signed(key=ED25519_PUBLIC), profile="both-kinds"),
]  # fmt: skip
