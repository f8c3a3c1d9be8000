"""Numbers in the words that people read.

Knows sizes, times and ages. Must not read a clock: the present is an argument.
"""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["ago", "iso", "long_span_words", "size_words", "span_words"]

_MILLIS = 1000
_JUST_NOW_SECONDS = 2
_UNITS = ((60, 1, " s"), (3600, 60, " min"), (86400, 3600, " h"), (float("inf"), 86400, " d"))
_LONG = {"s": "second", "min": "minute", "h": "hour", "d": "day"}


def ago(then_ms: int, now_ms: int) -> str:
    """Return how long before ``now_ms`` the moment ``then_ms`` was, both in unix milliseconds."""
    seconds = (now_ms - then_ms) / _MILLIS
    return "just now" if seconds < _JUST_NOW_SECONDS else f"{span_words(seconds)} ago"


def span_words(seconds: float) -> str:
    """Return a length of time in its largest unit: ``"45 s"``, ``"3 min"``, ``"2 d"``."""
    seconds = max(seconds, 0)
    unit, name = next((unit, name) for limit, unit, name in _UNITS if seconds < limit)
    return f"{int(seconds // unit)}{name}"


def long_span_words(seconds: float) -> str:
    """Return a length of time for a sentence: ``"1 hour"``, ``"7 days"``."""
    count, unit = span_words(seconds).split()
    return f"{count} {_LONG[unit]}{'' if count == '1' else 's'}"


def iso(then_ms: int) -> str:
    """Return unix milliseconds as ISO 8601 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(then_ms / _MILLIS, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def size_words(size: int) -> str:
    """Return a size in bytes, KiB or MiB."""
    if size < 1024:  # noqa: PLR2004 # bytes in a KiB
        return f"{size} B"
    if size < 1024 * 1024:
        return f"{size / 1024:.1f} KiB"
    return f"{size / 1024 / 1024:.1f} MiB"
