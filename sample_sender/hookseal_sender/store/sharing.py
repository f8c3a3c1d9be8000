"""Who may send how much: the fair share of a worker's room, a pure decision.

Knows caps, throttles, pauses and what slow endpoints share. Must not know a clock, a database or
what is sent.

A *lane* is one endpoint's queue. Each gets one in turn, so that a short room serves many lanes
before it serves one twice. What an endpoint may have by how it answered, and which are slow, comes
from the worker (``hookseal_sender.standing``). Throttles are paced (GCRA): at most a tenth of a
second's worth goes at once, so that any window of one second has at most ``rate * 1.1 + 1``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

from hookseal_sender.standing import UNBOUNDED, Bounds, LaneKey

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Mapping, Sequence

__all__ = ["Lane", "LaneKey", "Pace", "Purse", "Shares", "share_out", "wish"]

_Budget: TypeAlias = tuple[str, str]
_SECOND_MS = 1000.0
_AT_ONCE = 10  # a tenth of a second's worth


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """A throttle: deliveries a second, and when the one behind the last is in time."""

    rate: int
    slot_ms: float

    @property
    def _gap_ms(self) -> float:
        return _SECOND_MS / self.rate

    @property
    def _burst(self) -> int:
        return max(1, self.rate // _AT_ONCE)

    def allowed(self, now_ms: int) -> int:
        """Return how many may go now."""
        early_ms = now_ms + (self._burst - 1) * self._gap_ms - max(self.slot_ms, now_ms)
        return max(0, int(early_ms / self._gap_ms + 1e-9) + 1) if early_ms >= 0 else 0

    def after(self, sent: int, now_ms: int) -> Pace:
        """Return the throttle when ``sent`` have gone now."""
        return Pace(rate=self.rate, slot_ms=max(self.slot_ms, now_ms) + sent * self._gap_ms)

    def again_ms(self) -> float:
        """Return when it is worth coming back: when half of what may go at once may."""
        return self.slot_ms - (self._burst - max(1, self._burst // 2)) * self._gap_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """A queue with work: ``ready`` deliveries (counted up to the cap), ``in_flight`` others.

    ``more`` is how many the worker that asks may have beside its own; a ``slow`` lane draws on what
    slow ones share.
    """

    key: LaneKey
    ready: int
    in_flight: int
    more: int = sys.maxsize
    slow: bool = False
    paused_until_ms: int | None = None
    pace: Pace | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """How many each lane gets, the throttles that this moves, and when a blocked lane goes on.

    ``passed`` are the lanes that get nothing because others took the room.
    """

    quotas: Mapping[LaneKey, int]
    passed: Collection[LaneKey]
    paces: Mapping[LaneKey, Pace]
    app_paces: Mapping[str, Pace]
    again_ms: float | None


class Purse:
    """What several lanes share, as it is spent: throttles of applications, room for slow lanes."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._left: dict[_Budget, int] = {}

    def budgets(self, lane: Lane, allowed: int | None) -> tuple[_Budget, ...]:
        """Return what the lane draws on.

        ``allowed`` is what the throttle of its application lets go, None if there is none.
        """
        app_id, drawn = lane.key[0], dict[_Budget, int]()
        if allowed is not None:
            drawn["throttle", app_id] = allowed
        if lane.slow:
            drawn["slow", ""] = self._bounds.slow_room
            drawn["slow", app_id] = self._bounds.slow_room_of(app_id)
        for budget, most in drawn.items():
            self._left.setdefault(budget, most)
        return tuple(drawn)

    def left(self, budgets: Iterable[_Budget]) -> int:
        """Return how many more may go that draw on all of ``budgets``."""
        return min((self._left[each] for each in budgets), default=sys.maxsize)

    def spend(self, budgets: Iterable[_Budget], count: int) -> None:
        """Note that so many go."""
        for each in budgets:
            self._left[each] -= count


def share_out(
    lanes: Sequence[Lane],
    *,
    room: int,
    per_endpoint: int,
    now_ms: int,
    app_paces: Mapping[str, Pace] | None = None,
    bounds: Bounds = UNBOUNDED,
) -> Shares:
    """Return what each lane may take of ``room``, at most ``per_endpoint`` in flight in each.

    ``app_paces`` are the throttles of applications, over all lanes of each; ``bounds`` are those of
    slow lanes.
    """
    app_paces, purse = app_paces or {}, Purse(bounds)
    allowed = {app_id: pace.allowed(now_ms) for app_id, pace in app_paces.items()}
    drawn = {
        lane.key: budgets
        for lane in lanes
        if (budgets := purse.budgets(lane, allowed.get(lane.key[0])))
    }
    wishes = {lane.key: wish(lane, per_endpoint, now_ms) for lane in _mixed(lanes, drawn, now_ms)}
    quotas = _take_turns(wishes, drawn, purse, room)
    paces = {
        lane.key: lane.pace.after(quotas[lane.key], now_ms)
        for lane in lanes
        if lane.pace is not None and quotas.get(lane.key)
    }
    moved = {
        app_id: pace.after(sent, now_ms)
        for app_id, pace in app_paces.items()
        if (sent := sum(quota for key, quota in quotas.items() if key[0] == app_id))
    }
    waits = _waits(lanes, quotas, {**app_paces, **moved}, paces, now_ms)
    return Shares(
        quotas=quotas,
        passed={
            key
            for key, most in wishes.items()
            if most and key not in quotas and purse.left(drawn.get(key, ()))
        },
        paces=paces,
        app_paces=moved,
        again_ms=min(waits, default=None),
    )


def _mixed(lanes: Sequence[Lane], drawn: Container[LaneKey], now_ms: int) -> Iterable[Lane]:
    """Yield the lanes, those that draw on a budget in an order of the moment in their places.

    A claim may allow fewer of these than there are lanes: the first must not always win.
    """
    limited = (lane for lane in lanes if lane.key in drawn)
    mixed = iter(sorted(limited, key=lambda lane: _mixture(lane, now_ms)))
    for lane in lanes:
        yield next(mixed) if lane.key in drawn else lane


def _mixture(lane: Lane, now_ms: int) -> bytes:
    # Not a checksum: in the order of those, of three lanes one may be last nearly always.
    return blake2b(f"{now_ms}{lane.key}".encode(), digest_size=8).digest()


def wish(lane: Lane, per_endpoint: int, now_ms: int) -> int:
    """Return how many the lane would take if it were alone."""
    if lane.paused_until_ms is not None and lane.paused_until_ms > now_ms:
        return 0
    most = min(lane.ready, per_endpoint - lane.in_flight, lane.more)
    if lane.pace is not None:
        most = min(most, lane.pace.allowed(now_ms))
    return max(0, most)


def _take_turns(
    wishes: Mapping[LaneKey, int],
    drawn: Mapping[LaneKey, tuple[_Budget, ...]],
    purse: Purse,
    room: int,
) -> dict[LaneKey, int]:
    quotas: dict[LaneKey, int] = {}
    turn = [key for key, most in wishes.items() if most]
    while turn and room:
        further: list[LaneKey] = []
        for key in turn:
            budgets = drawn.get(key)
            if budgets:
                if not purse.left(budgets):
                    continue
                purse.spend(budgets, 1)
            quotas[key] = had = quotas.get(key, 0) + 1
            if had < wishes[key]:
                further.append(key)
            room -= 1
            if not room:
                break
        turn = further
    return quotas


def _waits(
    lanes: Sequence[Lane],
    quotas: Mapping[LaneKey, int],
    app_paces: Mapping[str, Pace],
    paces: Mapping[LaneKey, Pace],
    now_ms: int,
) -> Iterable[float]:
    """Yield the times at which lanes that time alone holds up may go on."""
    for lane in lanes:
        if quotas.get(lane.key, 0) >= lane.ready:
            continue
        pace = paces.get(lane.key, lane.pace)
        app_pace = app_paces.get(lane.key[0])
        if lane.paused_until_ms is not None and lane.paused_until_ms > now_ms:
            yield lane.paused_until_ms
        elif pace is not None and not pace.allowed(now_ms):
            yield pace.again_ms()
        elif app_pace is not None and not app_pace.allowed(now_ms):
            yield app_pace.again_ms()
