"""Times as the API writes them: RFC 3339 texts for unix milliseconds.

Knows the format. Must not know a clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

__all__ = ["moment_ms", "time_text"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST = 64


def moment_ms(text: str) -> int:
    """Return the unix milliseconds of a time; without a zone it is in UTC.

    Raises ValueError with what to write.
    """
    try:
        moment = datetime.fromisoformat(text if len(text) <= _LONGEST else "")
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        raise ValueError("write a time such as 2030-01-31T12:00:00Z") from None


def time_text(unix_ms: int) -> str:
    """Return the time in UTC, with milliseconds."""
    seconds, milliseconds = divmod(unix_ms, 1000)
    return f"{_to_the_second(seconds)}.{milliseconds:03d}Z"


@lru_cache(maxsize=1024)  # what is rendered together happened together
def _to_the_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
