"""When to try again: a pure decision.

Knows the schedule, its jitter and Retry-After. Must not know a clock, a random source or a store:
the time and the randomness are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["DEFAULT_DELAYS", "RETRY_AFTER_CAP", "RetrySchedule", "parse_retry_after"]

DEFAULT_DELAYS = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0)
"""Seconds before each retry: about 28 hours in all, as the Svix server does it."""
RETRY_AFTER_CAP = 36000.0
"""Seconds beyond which an endpoint's wish is not obeyed: the longest step of the schedule."""
_MAX_DIGITS = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrySchedule:
    """The delays between attempts, in seconds, spread by ``jitter`` (0.2 is plus or minus 20 %).

    An endpoint with a schedule of its own has another instance; no delays means no retries.
    """

    delays: tuple[float, ...] = DEFAULT_DELAYS
    jitter: float = 0.2

    def delay_after(
        self, attempts: int, *, randomness: float, retry_after: float | None = None
    ) -> float | None:
        """Return the seconds to wait after ``attempts`` attempts, or None when none is left.

        ``randomness`` is a number in [0, 1). ``retry_after``, what the endpoint asked for, is
        obeyed when it is longer, up to :data:`RETRY_AFTER_CAP`.
        """
        if attempts > len(self.delays):
            return None
        delay = self.delays[attempts - 1] * (1 + self.jitter * (2 * randomness - 1))
        wish = min(retry_after or 0.0, RETRY_AFTER_CAP)
        return max(delay, wish)


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Return the seconds a Retry-After field asks for, or None if it says nothing usable.

    At most :data:`RETRY_AFTER_CAP`. ``now`` is in unix seconds and turns an HTTP date into a delay.
    Source: RFC 9110, 10.2.3 and 5.6.7.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:_MAX_DIGITS]), RETRY_AFTER_CAP)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # as in the form of asctime, which is to be read as UTC
            moment = moment.replace(tzinfo=UTC)
        return min(max(0.0, moment.timestamp() - now), RETRY_AFTER_CAP)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
