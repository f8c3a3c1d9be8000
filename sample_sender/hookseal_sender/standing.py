"""What of a worker's room an endpoint may have, by how it has answered: a pure decision.

Knows the requests under way and how the last ones went, as the worker tells them. Must not know a
clock, a store or what is sent: the time is an argument, in seconds.

A request that hangs holds its place until the timeout. So an endpoint begins with one request under
way, and each answer allows it one more; it is back to one when it lets a request run for
:data:`SLOW` seconds and answers none meanwhile, or when one fails without an answer. An endpoint is
*slow* from a request that took so long until one that took less. Slow ones together get at most
half of the room, and those of one application a quarter. What was found to be slow too late, when
more than that was under way, takes no room from the others: until there are twice as many under way
as there should be.
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SLOW", "UNBOUNDED", "Bounds", "LaneKey", "Standing", "UnderWay"]

LaneKey: TypeAlias = tuple[str, str]
"""Application id, endpoint id."""

SLOW = 1.0
"""Seconds that a request may take before it counts as slow."""
_HALF, _QUARTER = 2, 4
_KEPT = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What a claim may take for a worker.

    ``more`` tells how many more an endpoint may have; ``is_slow`` whether it is among those that
    share ``slow_room``, and of this what ``slow_room_of`` tells for their application.
    """

    more: Callable[[LaneKey], int]
    is_slow: Callable[[LaneKey], bool]
    slow_room: int
    slow_room_of: Callable[[str], int]


UNBOUNDED = Bounds(
    more=lambda _lane: sys.maxsize,
    is_slow=lambda _lane: False,
    slow_room=sys.maxsize,
    slow_room_of=lambda _app_id: sys.maxsize,
)
"""For who has nothing under way."""


class _Lane:
    """What one endpoint has under way, may have under way, and when it answered last."""

    __slots__ = ("answered_at", "most", "slow", "under_way")

    def __init__(self) -> None:
        self.under_way, self.most = 0, 1
        self.slow = False
        self.answered_at = float("-inf")


class UnderWay:
    """A request from :meth:`Standing.begin` to :meth:`Standing.end`."""

    __slots__ = ("app_id", "begun_at", "ended", "lane", "slow")

    def __init__(self, app_id: str, lane: _Lane, begun_at: float) -> None:
        self.app_id, self.lane, self.begun_at = app_id, lane, begun_at
        self.slow = self.ended = False


class Standing:
    """Follows the requests of one worker, which has ``room`` of them, for an endpoint at most some.

    The bounds that it gives may be read by another thread meanwhile: they only widen until more is
    begun.
    """

    def __init__(self, *, room: int, per_endpoint: int) -> None:
        self._room = room
        self._per_endpoint = per_endpoint
        self._slow_room, self._slow_room_of_one = (max(1, room // by) for by in (_HALF, _QUARTER))
        self._lanes: dict[LaneKey, _Lane] = {}
        self._young: deque[UnderWay] = deque()
        self._slow_of: Counter[str] = Counter()
        self.slow = 0
        """How many under way are slow, or to a slow endpoint."""

    def begin(self, key: LaneKey, now: float) -> UnderWay:
        """Note that a request begins."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._meet(key)
        lane.under_way += 1
        request = UnderWay(key[0], lane, now)
        if lane.slow:
            self._count(request)
        self._young.append(request)
        return request

    def end(self, request: UnderWay, now: float, *, answered: bool) -> None:
        """Note that a request is over, and whether an answer came, whatever it said."""
        lane, request.ended = request.lane, True
        lane.under_way -= 1
        lane.slow = now - request.begun_at >= SLOW
        if request.slow:
            self._count(request, -1)
        if answered:
            lane.answered_at = now
            lane.most = min(lane.most + 1, self._per_endpoint)
        else:
            lane.most = 1

    def room(self, in_flight: int, now: float) -> int:
        """Return how many more the worker may have beside ``in_flight``."""
        self._see_slow(now)
        hidden = min(max(0, self.slow - self._slow_room), self._room)
        return max(0, self._room - in_flight + hidden)

    def next_slow_in(self, now: float) -> float | None:
        """Return when the next request that is under way becomes slow, if any is left that may."""
        self._see_slow(now)
        return self._young[0].begun_at + SLOW - now if self._young else None

    def bounds(self, now: float) -> Bounds:
        """Return what the next claim may take."""
        self._see_slow(now)
        return Bounds(
            more=self._more,
            is_slow=self._is_slow,
            slow_room=max(0, self._slow_room - self.slow),
            slow_room_of=self._slow_room_left_of,
        )

    def _meet(self, key: LaneKey) -> _Lane:
        if len(self._lanes) >= _KEPT:  # those who have nothing under way begin anew
            self._lanes = {key: lane for key, lane in self._lanes.items() if lane.under_way}
        self._lanes[key] = lane = _Lane()
        return lane

    def _see_slow(self, now: float) -> None:
        young = self._young
        while young and (young[0].ended or now - young[0].begun_at >= SLOW):
            request = young.popleft()
            if request.ended:
                continue
            lane = request.lane
            lane.slow = True
            if lane.answered_at <= request.begun_at:
                lane.most = 1
            if not request.slow:
                self._count(request)

    def _count(self, request: UnderWay, by: int = 1) -> None:
        request.slow = True
        self.slow += by
        self._slow_of[request.app_id] += by
        if not self._slow_of[request.app_id]:
            del self._slow_of[request.app_id]

    def _more(self, key: LaneKey) -> int:
        lane = self._lanes.get(key)
        return 1 if lane is None else max(0, lane.most - lane.under_way)

    def _is_slow(self, key: LaneKey) -> bool:
        lane = self._lanes.get(key)
        return lane is not None and lane.slow

    def _slow_room_left_of(self, app_id: str) -> int:
        return max(0, self._slow_room_of_one - self._slow_of[app_id])
