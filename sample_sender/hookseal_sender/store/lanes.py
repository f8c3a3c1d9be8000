"""Which lanes a claim looks at: a round of the index, a part at a time.

Knows that the next claim goes on behind the last, so that a claim's work is bounded and every lane
has its turn. Must not know what is taken of a lane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hookseal_sender.store import holding
from hookseal_sender.store.dialects import moves_of
from hookseal_sender.store.sharing import Lane, LaneKey, Pace, wish

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from hookseal_sender.store.moves import Found, LaneRow

__all__ = ["LaneScanner", "Scan", "key_of", "lane_of"]

_FIRST: LaneKey = ("", "")
_LEAST = 16
_PER_ROOM = 4


class Scan(NamedTuple):
    """Lanes that may be served, up to ``last``.

    ``busy``: others were locked; ``cut``: there may be more that could be served.
    """

    rows: Sequence[LaneRow]
    last: LaneKey
    busy: bool
    cut: bool


def key_of(row: LaneRow) -> LaneKey:
    """Return the lane's key."""
    return row.app_id, row.endpoint_id


def lane_of(row: LaneRow) -> Lane:
    """Return the lane as its share is decided on."""
    rate = row.throttle_rate
    return Lane(
        key=key_of(row),
        ready=row.ready,
        in_flight=row.in_flight,
        paused_until_ms=row.paused_until_ms,
        pace=Pace(rate=rate, slot_ms=row.slot_ms) if rate else None,
    )


class _Wanted:
    """Counts what lanes may have, within the throttles of their applications."""

    def __init__(self, now_ms: int, per_endpoint: int) -> None:
        self._now_ms = now_ms
        self._per_endpoint = per_endpoint
        self._left: dict[str, int] = {}
        self.total = 0

    def add(self, rows: Iterable[LaneRow]) -> int:
        """Count the lanes too, and return the total."""
        for row in rows:
            some = wish(lane_of(row), self._per_endpoint, self._now_ms)
            if row.app_throttle_rate:
                pace = Pace(rate=row.app_throttle_rate, slot_ms=row.app_slot_ms)
                left = self._left.setdefault(row.app_id, pace.allowed(self._now_ms))
                some = min(some, left)
                self._left[row.app_id] = left - some
            self.total += some
        return self.total


class LaneScanner:
    """Remembers the lane at which the next claim goes on."""

    def __init__(self) -> None:
        self._behind = _FIRST

    def scan(self, connection: Connection, now_ms: int, *, limit: int, per_endpoint: int) -> Scan:
        """Return lanes, until what they may have fills ``limit`` or enough were looked at."""
        rows: dict[LaneKey, LaneRow] = {}
        busy, wanted, most = False, _Wanted(now_ms, per_endpoint), max(_LEAST, limit * _PER_ROOM)
        last = self._behind
        for found in _round(connection, last, max(_LEAST, limit // 2), per_endpoint):
            fresh = [row for row in found.lanes if key_of(row) not in rows]
            rows |= {key_of(row): row for row in fresh}
            busy = busy or found.skipped > 0
            last = found.last
            if wanted.add(fresh) >= limit or len(rows) >= most or len(fresh) < len(found.lanes):
                break
        healthy = [row for row in rows.values() if _is_healthy(connection, row)]
        cut = wanted.total < limit and len(rows) >= most
        return Scan(rows=healthy, last=last, busy=busy, cut=cut)

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


def _is_healthy(connection: Connection, row: LaneRow) -> bool:
    """Tell whether there is an endpoint to send to.

    If not, what is ready was published while that changed: it goes where the rest of it went.
    """
    if row.gone:
        holding.cancel_endpoint(connection, row.app_id, row.endpoint_id)
    elif row.disabled:
        holding.hold(connection, row.app_id, row.endpoint_id)
    return not (row.gone or row.disabled)
