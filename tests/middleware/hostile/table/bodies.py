"""Bodies changed, malformed, oversized, compressed and framed wrongly."""

import gzip
from dataclasses import replace

from tests.middleware.hostile.case import (
    BAD_LENGTH,
    COMPRESSED,
    FORGED,
    HANDLED,
    INCOMPLETE,
    TOO_LARGE,
    case,
)
from tests.middleware.hostile.delivery import BODY
from tests.middleware.hostile.profiles import MAX_BODY

_PIECE = 16 * 1024


def _sent(*chunks):
    """Another body than the signed one."""
    return lambda d: d.send(*chunks)


def _signed(*chunks):
    return lambda d: d.send(*chunks).signed()


def _chunked(*chunks):
    return lambda d: d.send(*chunks).signed().chunked()


def _declared(text):
    return lambda d: replace(d, declared=text)


def _encoded(name, body=BODY):
    return lambda d: d.send(body).signed().add(b"content-encoding", name)


def _two_lengths(first, second):
    def make(delivery):
        return (
            replace(delivery, framing="none")
            .add(b"content-length", first)
            .add(b"content-length", second)
        )

    return make


CASES = [
    case("an empty body", HANDLED, _signed(b"")),
    case("no body, no length", HANDLED,
         lambda d: replace(d.send(b"").signed(), framing="none")),
    case("one byte", HANDLED, _signed(b"x")),
    case("invalid UTF-8", HANDLED, _signed(b"\xff\xfe\x80\x00 \xc3(")),
    case("a byte order mark", HANDLED, _signed(b"\xef\xbb\xbf" + BODY)),
    case("UTF-16", HANDLED, _signed(BODY.decode().encode("utf-16"))),
    case("not JSON", HANDLED, _signed(b"a=1&b=2")),
    case("duplicate JSON keys", HANDLED, _signed(b'{"id": 1, "id": 2}')),
    case("JSON 50,000 levels deep", HANDLED, _signed(b"[" * 50_000)),
    case("JSON with a huge number", HANDLED, _signed(b'{"n":' + b"9" * 50_000 + b"}")),
    case("CR LF in the body", HANDLED, _signed(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n")),

    case("the body removed", FORGED, _sent(b"")),
    case("one bit flipped in the body", FORGED, _sent(bytes([BODY[0] ^ 1]) + BODY[1:])),
    case("the last byte flipped", FORGED, _sent(BODY[:-1] + bytes([BODY[-1] ^ 1]))),
    case("a byte cut off", FORGED, _sent(BODY[:-1])),
    case("a space added", FORGED, _sent(BODY + b" ")),
    case("a newline added", FORGED, _sent(BODY + b"\n")),
    case("a NUL added", FORGED, _sent(BODY + b"\x00")),
    case("a byte order mark added", FORGED, _sent(b"\xef\xbb\xbf" + BODY)),
    case("re-serialised", FORGED, _sent(BODY.replace(b":", b": ").replace(b",", b", "))),
    case("re-serialised, escaped", FORGED, _sent(BODY.replace(b"\xc3\xa9", b"\\u00e9"))),
    case("its keys in another order", FORGED,
         lambda d: d.send(b'{"a":1,"b":2}').signed().send(b'{"b":2,"a":1}')),
    case("a JSON key duplicated", FORGED, _sent(BODY[:-1] + b',"type":"user.deleted"}')),
    case("normalised to NFD", FORGED, _sent(BODY.replace("é".encode(), "e\u0301".encode()))),

    case("as large as allowed", HANDLED, _signed(b"x" * MAX_BODY), profile="small"),
    case("a byte larger than allowed", TOO_LARGE, _signed(b"x" * (MAX_BODY + 1)), profile="small"),
    case("100 MB declared", TOO_LARGE, _declared(b"100000000")),
    case("2**64 bytes declared", TOO_LARGE, _declared(b"%d" % 2**64)),
    case("5,000 digits of length", TOO_LARGE, _declared(b"9" * 5_000)),
    case("chunked", HANDLED, _chunked(BODY)),
    case("chunked in single bytes", HANDLED, _chunked(*(bytes([byte]) for byte in BODY))),
    case("chunked, and empty", HANDLED, _chunked()),
    case("chunked, one byte flipped", FORGED,
         lambda d: d.send(BODY[:9], b"?", BODY[10:]).chunked()),
    case("chunked, as large as allowed", HANDLED,
         _chunked(*[b"x" * _PIECE] * (MAX_BODY // _PIECE)), profile="small"),
    case("chunked, a byte larger than allowed", TOO_LARGE,
         _chunked(*[b"x" * _PIECE] * (MAX_BODY // _PIECE), b"x"), profile="small"),
    case("chunked, far larger than allowed", TOO_LARGE,
         _chunked(*[b"x" * _PIECE] * (4 * MAX_BODY // _PIECE)), profile="small"),

    case("longer than its length", FORGED, _declared(b"%d" % (len(BODY) - 1))),
    case("a length of 0 before a body", FORGED, _declared(b"0")),
    case("shorter than its length", INCOMPLETE, _declared(b"%d" % (len(BODY) + 1))),
    case("a length with leading zeros", HANDLED, _declared(b"000%d" % len(BODY)),
         server_decides=True),
    case("an empty length", HANDLED,
         lambda d: replace(d.send(b"").signed(), declared=b""), server_decides=True),
    case("a negative length", BAD_LENGTH, _declared(b"-1")),
    case("a length with a plus sign", BAD_LENGTH, _declared(b"+%d" % len(BODY))),
    case("a length with an underscore", BAD_LENGTH, _declared(b"1_0")),
    case("a length in hexadecimal", BAD_LENGTH, _declared(b"0x10")),
    case("a length with a fraction", BAD_LENGTH, _declared(b"%d.0" % len(BODY))),
    case("a length in superscript digits", BAD_LENGTH, _declared(b"\xb2")),
    case("a length in Arabic-Indic digits", BAD_LENGTH, _declared("\u0665".encode())),
    case("a length in words", BAD_LENGTH, _declared(b"ten")),
    case("two lengths, alike", BAD_LENGTH, _two_lengths(b"%d" % len(BODY), b"%d" % len(BODY)),
         server_decides=True),
    case("two lengths, differing", BAD_LENGTH, _two_lengths(b"%d" % len(BODY), b"1"),
         server_decides=True),

    case("gzip", COMPRESSED, _encoded(b"gzip", gzip.compress(BODY, mtime=0))),
    case("a gzip bomb", COMPRESSED, _encoded(b"gzip", gzip.compress(bytes(10**7), mtime=0))),
    case("gzip named on a plain body", COMPRESSED, _encoded(b"gzip")),
    case("brotli", COMPRESSED, _encoded(b"br")),
    case("gzip twice", COMPRESSED, _encoded(b"gzip, gzip")),
    case("identity and gzip", COMPRESSED, _encoded(b"identity, gzip")),
    case("an unknown encoding", COMPRESSED, _encoded(b"\xff")),
    case("identity", HANDLED, _encoded(b"identity")),
    case("identity, in upper case", HANDLED, _encoded(b"IDENTITY")),
    case("gzip, allowed", HANDLED, _encoded(b"gzip", gzip.compress(BODY, mtime=0)),
         profile="compressed"),
    case("a gzip bomb, allowed, not inflated", HANDLED,
         _encoded(b"gzip", gzip.compress(bytes(10**7), mtime=0)), profile="compressed"),
]  # fmt: skip
