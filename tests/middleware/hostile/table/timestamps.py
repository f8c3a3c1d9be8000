"""Timestamps of every kind. All are correctly signed unless the name says otherwise."""

from tests.middleware.hostile.case import (
    FORGED,
    HANDLED,
    MALFORMED,
    MISSING,
    TOO_LONG,
    TOO_NEW,
    TOO_OLD,
    case,
)
from tests.middleware.hostile.delivery import OTHER_KEY, TIMESTAMP

TOLERANCE = 300


def _at(offset):
    return lambda d: d.signed(timestamp=d.now + offset)


def _spelt(spell):
    """Sign with the timestamp that ``spell`` makes of the decimal digits of now."""
    return lambda d: d.signed(timestamp=spell(b"%d" % d.now))


def _spelt_exactly(text):
    return lambda d: d.signed(timestamp=text)


def _digits_from(code_point):
    """The digits of another script, of which ``int`` and ``str.isdigit`` are fond."""
    return lambda text: "".join(chr(code_point + int(digit)) for digit in text.decode()).encode()


CASES = [
    # To the second: only where the test holds the clock.
    case("exactly as old as tolerated", HANDLED, _at(-TOLERANCE), over_http=False),
    case("a second older than tolerated", TOO_OLD, _at(-TOLERANCE - 1), over_http=False),
    case("exactly as far ahead as tolerated", HANDLED, _at(TOLERANCE), over_http=False),
    case("a second further ahead than tolerated", TOO_NEW, _at(TOLERANCE + 1), over_http=False),
    case("nearly too old", HANDLED, _at(-TOLERANCE + 20)),
    case("nearly too far ahead", HANDLED, _at(TOLERANCE - 20)),
    case("too old", TOO_OLD, _at(-TOLERANCE - 20)),
    case("too far ahead", TOO_NEW, _at(TOLERANCE + 20)),
    case("a year old", TOO_OLD, _at(-365 * 86_400)),
    case("a year ahead", TOO_NEW, _at(365 * 86_400)),
    case("1970", TOO_OLD, _spelt_exactly(b"1")),
    case("twelve digits", TOO_NEW, _spelt_exactly(b"9" * 12)),
    case("too old and forged", FORGED,
         lambda d: d.signed(timestamp=d.now - 86_400, key=OTHER_KEY)),
    case("too far ahead and forged", FORGED,
         lambda d: d.signed(timestamp=d.now + 86_400, key=OTHER_KEY)),
    case("the timestamp changed after signing", FORGED,
         lambda d: d.set(TIMESTAMP, b"%d" % (d.now - 1))),
    case("zero", MALFORMED, _spelt_exactly(b"0")),
    case("milliseconds", MALFORMED, _spelt(lambda now: now + b"000")),
    case("microseconds", MALFORMED, _spelt(lambda now: now + b"000000")),
    case("a float", MALFORMED, _spelt(lambda now: now + b".0")),
    case("a trailing point", MALFORMED, _spelt(lambda now: now + b".")),
    case("an exponent", MALFORMED, _spelt_exactly(b"1e9")),
    case("a float with an exponent", MALFORMED, _spelt_exactly(b"1.7e9")),
    case("an underscore", MALFORMED, _spelt(lambda now: now[:1] + b"_" + now[1:])),
    case("a plus sign", MALFORMED, _spelt(lambda now: b"+" + now)),
    case("a minus sign", MALFORMED, _spelt(lambda now: b"-" + now)),
    case("leading zeros", MALFORMED, _spelt(lambda now: b"00" + now)),
    case("a space inside", MALFORMED, _spelt(lambda now: now[:4] + b" " + now[4:])),
    case("a leading space", MALFORMED, _spelt(lambda now: b" " + now), over_http=False),
    case("a trailing space", MALFORMED, _spelt(lambda now: now + b" "), over_http=False),
    case("a trailing newline", MALFORMED, _spelt(lambda now: now + b"\n"), over_http=False),
    case("a trailing tab", MALFORMED, _spelt(lambda now: now + b"\t"), over_http=False),
    case("a trailing vertical tab", MALFORMED, _spelt(lambda now: now + b"\x0b")),
    case("a trailing NUL", MALFORMED, _spelt(lambda now: now + b"\x00")),
    case("a trailing letter", MALFORMED, _spelt(lambda now: now + b"L")),
    case("hexadecimal", MALFORMED, _spelt(lambda now: b"%#x" % int(now))),
    case("octal", MALFORMED, _spelt(lambda now: b"%#o" % int(now))),
    case("Arabic-Indic digits", MALFORMED, _spelt(_digits_from(0x0660))),
    case("full-width digits", MALFORMED, _spelt(_digits_from(0xFF10))),
    case("superscript digits in latin-1", MALFORMED, _spelt_exactly(b"\xb2\xb3\xb9")),
    case("nan", MALFORMED, _spelt_exactly(b"nan")),
    case("inf", MALFORMED, _spelt_exactly(b"inf")),
    case("-inf", MALFORMED, _spelt_exactly(b"-inf")),
    case("1e400", MALFORMED, _spelt_exactly(b"1e400")),
    case("words", MALFORMED, _spelt_exactly(b"now")),
    case("an ISO date", MALFORMED, _spelt_exactly(b"2026-01-01T00:00:00Z")),
    case("an HTTP date", MALFORMED, _spelt_exactly(b"Thu 01 Jan 2026 00:00:00 GMT")),
    case("2**63", MALFORMED, _spelt_exactly(b"%d" % 2**63)),
    case("2**64", MALFORMED, _spelt_exactly(b"%d" % 2**64)),
    case("thirteen digits", MALFORMED, _spelt_exactly(b"9" * 13)),
    case("5,000 digits", TOO_LONG, _spelt_exactly(b"9" * 5_000)),
    case("signed without a timestamp", MISSING, _spelt_exactly(b"")),
]  # fmt: skip
