"""Which lanes a claim looks at: a round of the index, a part at a time.

Knows that the next claim goes on behind the last, so that a claim's work is bounded and every lane
has its turn. Must not know what is taken of a lane, nor why one cannot be served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hookseal_sender.store.dialects import moves_of
from hookseal_sender.store.sharing import Lane, LaneKey, Pace, Purse, wish

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from hookseal_sender.standing import Bounds
    from hookseal_sender.store.moves import Found, LaneRow

__all__ = ["LaneScanner", "Scan", "key_of", "lane_of"]

_FIRST: LaneKey = ("", "")
_LEAST = 16
_PER_ROOM = 4


class Scan(NamedTuple):
    """Lanes that may be served, up to ``last``.

    ``astray``: others, where something is ready for an endpoint that gets nothing, which nobody
    has noted yet; ``busy``: others were locked; ``cut``: there may be more that could be served,
    which no scan has looked at since the first of those that were cut.
    """

    rows: Sequence[LaneRow]
    astray: Sequence[LaneKey]
    last: LaneKey
    busy: bool
    cut: bool


def key_of(row: LaneRow) -> LaneKey:
    """Return the lane's key."""
    return row.app_id, row.endpoint_id


def lane_of(row: LaneRow, bounds: Bounds) -> Lane:
    """Return the lane as its share is decided on."""
    key, rate = key_of(row), row.throttle_rate
    return Lane(
        key=key,
        ready=row.ready,
        in_flight=row.in_flight,
        more=bounds.more(key),
        slow=bounds.is_slow(key),
        paused_until_ms=row.paused_until_ms,
        pace=Pace(rate=rate, slot_ms=row.slot_ms) if rate else None,
    )


class _Wanted:
    """Counts what lanes may have, within what they share."""

    def __init__(self, now_ms: int, per_endpoint: int, bounds: Bounds) -> None:
        self._now_ms = now_ms
        self._per_endpoint = per_endpoint
        self._bounds = bounds
        self._purse = Purse(bounds)
        self.total = 0

    def add(self, rows: Iterable[LaneRow]) -> int:
        """Count the lanes too, and return the total."""
        for row in rows:
            lane = lane_of(row, self._bounds)
            some = wish(lane, self._per_endpoint, self._now_ms)
            budgets = self._purse.budgets(lane, self._allowed(row))
            some = min(some, self._purse.left(budgets))
            self._purse.spend(budgets, some)
            self.total += some
        return self.total

    def _allowed(self, row: LaneRow) -> int | None:
        if not row.app_throttle_rate:
            return None
        return Pace(rate=row.app_throttle_rate, slot_ms=row.app_slot_ms).allowed(self._now_ms)


class LaneScanner:
    """Remembers the lane at which the next claim goes on.

    ``can_sign`` tells of a lane whether its deliveries can be signed; others are left out.
    """

    def __init__(self, can_sign: Callable[[LaneRow], bool]) -> None:
        self._can_sign = can_sign
        self._behind = _FIRST
        self._cut_behind: LaneKey | None = None

    def scan(
        self,
        connection: Connection,
        now_ms: int,
        *,
        limit: int,
        per_endpoint: int,
        bounds: Bounds,
    ) -> Scan:
        """Return lanes, until what they may have fills ``limit`` or enough were looked at."""
        seen: set[LaneKey] = set()
        served: list[LaneRow] = []
        astray: list[LaneKey] = []
        busy, most = False, max(_LEAST, limit * _PER_ROOM)
        wanted = _Wanted(now_ms, per_endpoint, bounds)
        last = self._behind
        for found in _round(connection, last, max(_LEAST, limit // 2), per_endpoint):
            fresh = [row for row in found.lanes if key_of(row) not in seen]
            seen |= {key_of(row) for row in fresh}
            astray += [key_of(row) for row in fresh if _is_closed(row) and not row.unsettled]
            able = [row for row in fresh if not _is_closed(row) and self._can_sign(row)]
            served += able
            busy = busy or found.skipped > 0
            last = found.last
            if wanted.add(able) >= limit or len(seen) >= most or len(fresh) < len(found.lanes):
                break
        cut = wanted.total < limit and len(seen) >= most and not self._is_round(last)
        self._cut_behind = (self._cut_behind or self._behind) if cut else None
        return Scan(rows=served, astray=astray, last=last, busy=busy, cut=cut)

    def _is_round(self, last: LaneKey) -> bool:
        """Tell whether scans that were cut, and this one up to ``last``, have seen every lane.

        Were they to go round and round, lanes that may not go would keep a worker busy for ever.
        """
        begun = self._cut_behind
        if begun is None:
            return False
        if self._behind < last:
            return self._behind < begun <= last
        return begun > self._behind or begun <= last

    def go_on(self, scan: Scan, passed: Container[LaneKey]) -> None:
        """Begin the next scan at the first lane of this one that was passed over for want of room.

        If the scan was cut, what it did not look at comes first.
        """
        before = self._behind
        for row in scan.rows:
            if key_of(row) in passed and not scan.cut:
                self._behind = before
                return
            before = key_of(row)
        self._behind = scan.last


def _round(
    connection: Connection, behind: LaneKey, size: int, per_endpoint: int
) -> Iterator[Found]:
    """Yield the lanes behind ``behind``, and then those from the first on."""
    moves = moves_of(connection)
    for start in dict.fromkeys((behind, _FIRST)):
        last = start
        while True:
            found = moves.lanes(connection, last, limit=size, per_endpoint=per_endpoint)
            yield found
            if len(found.lanes) + found.skipped < size:
                break
            last = found.last


def _is_closed(row: LaneRow) -> bool:
    """Tell whether the endpoint gets nothing: what is ready was published while that changed."""
    return row.gone or row.disabled
