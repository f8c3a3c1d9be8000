"""The last day of an endpoint as a row of bars.

Knows hours and heights. Must not know pages or the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hookseal_sender.model import HourTally

__all__ = ["Bar", "Day", "day_of"]

HOUR_MS = 3_600_000
_HOURS = 24
_HEIGHT = 28
_STEP, _WIDTH = 5, 4
_LEAST = 2
"""A bar that stands for anything is at least so high."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A rectangle of a chart that is 28 high, and the kind of what it stands for."""

    kind: str
    x: int
    y: int
    height: int
    width: int = _WIDTH


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """Attempts of the last 24 hours, and the bars that show them."""

    succeeded: int
    failed: int
    bars: tuple[Bar, ...]
    width: int = _HOURS * _STEP
    height: int = _HEIGHT

    @property
    def total(self) -> int:
        """All attempts."""
        return self.succeeded + self.failed

    @property
    def rate(self) -> str:
        """The share that succeeded, ``"99.5 %"``; never rounded to all or to none."""
        if not self.total:
            return ""
        share = 100 * self.succeeded / self.total
        if self.failed and self.succeeded:
            share = min(max(share, 0.1), 99.9)
        return f"{share:.1f} %" if 0 < share < 100 else f"{share:.0f} %"  # noqa: PLR2004 # a percentage

    @property
    def words(self) -> str:
        """What the bars show, for who does not see them."""
        if not self.total:
            return "No attempts in the last 24 hours"
        return f"Last 24 hours: {self.succeeded:,} succeeded, {self.failed:,} failed"


def day_of(tallies: Iterable[HourTally], now_ms: int) -> Day:
    """Return the day that ends with the hour of ``now_ms``.

    An hour ahead, which another clock counted, is left out.
    """
    begins = (now_ms // HOUR_MS - _HOURS + 1) * HOUR_MS
    places = {(each.hour_ms - begins) // HOUR_MS: each for each in tallies}
    hours = {place: each for place, each in places.items() if 0 <= place < _HOURS}
    most = max((each.succeeded + each.failed for each in hours.values()), default=0)
    bars = [bar for place, each in sorted(hours.items()) for bar in _bars(place, each, most)]
    return Day(
        succeeded=sum(each.succeeded for each in hours.values()),
        failed=sum(each.failed for each in hours.values()),
        bars=tuple(bars),
    )


def _bars(place: int, hour: HourTally, most: int) -> Iterable[Bar]:
    """Yield what succeeded at the bottom, and what failed on top of it."""
    bottom = _HEIGHT
    left_free = _LEAST if hour.failed else 0
    for kind, count, above in (("ok", hour.succeeded, left_free), ("bad", hour.failed, 0)):
        if not count:
            continue
        height = min(max(_LEAST, round(_HEIGHT * count / most)), bottom - above)
        bottom -= height
        yield Bar(kind=kind, x=place * _STEP, y=bottom, height=height)
