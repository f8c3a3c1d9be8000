"""How the text of a setting becomes its value.

Each function returns the value, or raises ValueError with what to write. Must not know which
setting the text is for, and never puts a key into an error.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from limits import parse_many

from hookseal_sender.addresses import parse_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from hookseal_sender.addresses import Network

__all__ = [
    "boolean",
    "choice",
    "database_url",
    "keys",
    "line",
    "name",
    "networks",
    "origins",
    "path",
    "rate",
    "schedule",
    "seconds",
    "text",
    "web_url",
    "whole",
]

_MIN_KEY_LENGTH = 32
_MAX_SECONDS = 7 * 86400
_MAX_LINE = 200
_MAX_RATE_LENGTH = 100
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)
# What can be read one way only: a password with '@' in it would be taken for a host, and shown.
_POSTGRESQL = re.compile(
    r"postgres(ql)?(\+\w+)?://([^@/?#]*@)?"
    r"(\[[^]@/?#]*\]|[^]@/?#:[]*)(:[0-9]{1,5})?(/[^@?]*)?(\?.*)?",
    re.ASCII,
)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


def text(given: str) -> str:
    """Return any text but none."""
    if not given:
        raise ValueError("it is empty; leave it out for the default")
    return given


def database_url(given: str) -> str:
    """Return a database's URL; whether there is such a database is found out later."""
    if given.startswith("postgres") and not _POSTGRESQL.fullmatch(given):
        raise ValueError(
            "write postgresql://USER:PASSWORD@HOST:PORT/NAME, and in user and password "
            "%40 for '@', %2F for '/', %3F for '?', %23 for '#'"
        )
    if given.startswith("sqlite:") and "?" in given:  # nobody would hear of one that does nothing
        raise ValueError("write sqlite:///FILE; SQLite takes no parameters here, so no '?' either")
    return text(given)


def line(given: str) -> str:
    """Return one line for people; it may be empty."""
    if len(given) > _MAX_LINE or not given.isprintable():
        raise ValueError(f"write one line of at most {_MAX_LINE} characters")
    return given


def name(given: str) -> str:
    """Return a short name."""
    if not _NAME.fullmatch(given):
        raise ValueError("write 1 to 64 letters, digits, '_', '.' or '-'")
    return given


def path(given: str) -> Path | None:
    """Return the path of a file; None for no text."""
    return Path(given) if given else None


def boolean(given: str) -> bool:
    """Return the truth value."""
    value = _BOOLEANS.get(given.lower())
    if value is None:
        raise ValueError("write true or false")
    return value


def choice(*choices: str) -> Callable[[str], str]:
    """Return what takes one of ``choices``, in any case."""

    def parse(given: str) -> str:
        if given.lower() not in choices:
            raise ValueError(f"write one of {', '.join(choices)}")
        return given.lower()

    return parse


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return what takes a whole number from ``low`` to ``high``."""
    digits = len(str(high))

    def parse(given: str) -> int:
        short = given.isascii() and given.isdigit() and len(given) <= digits
        if not (short and low <= int(given) <= high):
            raise ValueError(f"write a whole number from {low} to {high}")
        return int(given)

    return parse


def seconds(*, high: float = _MAX_SECONDS, zero: bool = False) -> Callable[[str], float]:
    """Return what takes seconds up to ``high``; 0 only with ``zero``."""
    least = "0 or more" if zero else "more than 0"

    def parse(given: str) -> float:
        try:
            value = float(given)
        except ValueError:
            value = math.nan
        if not (0 < value <= high or (zero and value == 0)):
            raise ValueError(f"write seconds, {least} and at most {high:.0f}, such as 20")
        return value

    return parse


def schedule(given: str) -> tuple[float, ...]:
    """Return seconds, of which there is at least one."""
    parse = seconds()
    try:
        return tuple(parse(part) for part in given.split(","))
    except ValueError:
        raise ValueError("write the seconds before each retry, such as 5,300,1800") from None


def networks(given: str) -> tuple[Network, ...]:
    """Return networks; there may be none."""
    try:
        return tuple(parse_network(part.strip()) for part in given.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"{error}; write networks such as 10.0.0.0/8,fd00::/8") from None


def origins(given: str) -> tuple[str, ...]:
    """Return origins of web pages; there may be none."""
    found = tuple(part.strip() for part in given.split(",") if part.strip())
    if not all(_ORIGIN.fullmatch(each) for each in found):
        raise ValueError("write origins such as https://app.example.com, without a path")
    return found


def keys(given: str) -> tuple[str, ...]:
    """Return keys, newest first; there may be none."""
    found = tuple(part.strip() for part in given.split(",") if part.strip())
    if any(len(key) < _MIN_KEY_LENGTH for key in found):
        raise ValueError(
            f"write at least {_MIN_KEY_LENGTH} random characters a key, with commas between keys"
        )
    if any(len(set(key)) == 1 for key in found):
        raise ValueError("a key is one character again and again; write random characters")
    return found


def rate(given: str) -> str:
    """Return limits in the syntax of the library ``limits``, or nothing for no limit."""
    if not given:
        return given
    try:
        parsed = parse_many(given[:_MAX_RATE_LENGTH])
        usable = all(each.amount > 0 and each.multiples > 0 for each in parsed)
    except ValueError:
        usable = False
    if not usable or len(given) > _MAX_RATE_LENGTH:
        raise ValueError("write a rate such as 5000/second or 100/minute;2000/hour, or nothing")
    return given


def web_url(given: str) -> str:
    """Return an http or https URL without a slash at its end, or nothing."""
    if given and not _is_web_url(given):
        raise ValueError("write a URL such as https://webhooks.example.com")
    return given.rstrip("/")


def _is_web_url(given: str) -> bool:
    try:
        parsed = urlsplit(given)
        port = parsed.port
    except ValueError:
        return False
    plain = not (parsed.query or parsed.fragment or parsed.username is not None or port == 0)
    return plain and parsed.scheme in {"http", "https"} and bool(parsed.hostname)
