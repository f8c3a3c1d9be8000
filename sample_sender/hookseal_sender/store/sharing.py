"""Who may send how much: the fair share of a worker's room, a pure decision.

Knows caps, throttles and pauses. Must not know a clock, a database or what is sent.

A *lane* is one endpoint's queue. Each gets one in turn, so that a short room serves many lanes
before it serves one twice. Throttles are paced (GCRA): at most a tenth of a second's worth goes at
once, so that any window of one second has at most ``rate * 1.1 + 1``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["Lane", "LaneKey", "Pace", "Shares", "share_out", "wish"]

LaneKey: TypeAlias = tuple[str, str]
"""Application id, endpoint id."""
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
    """A queue with work: ``ready`` deliveries (counted up to the cap), ``in_flight`` others."""

    key: LaneKey
    ready: int
    in_flight: int
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


def share_out(
    lanes: Sequence[Lane],
    *,
    room: int,
    per_endpoint: int,
    now_ms: int,
    app_paces: Mapping[str, Pace] | None = None,
) -> Shares:
    """Return what each lane may take of ``room``, at most ``per_endpoint`` in flight in each.

    ``app_paces`` are the throttles of applications, over all lanes of each.
    """
    app_paces = app_paces or {}
    budgets = {app_id: pace.allowed(now_ms) for app_id, pace in app_paces.items()}
    wishes = {lane.key: wish(lane, per_endpoint, now_ms) for lane in _mixed(lanes, budgets, now_ms)}
    quotas = _take_turns(wishes, budgets, room)
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
            if most and key not in quotas and budgets.get(key[0]) != 0
        },
        paces=paces,
        app_paces=moved,
        again_ms=min(waits, default=None),
    )


def _mixed(lanes: Sequence[Lane], budgets: Mapping[str, int], now_ms: int) -> Iterable[Lane]:
    """Yield the lanes, those of a throttled application in an order of the moment in their places.

    A claim may allow such an application fewer than it has lanes: the first must not always win.
    """
    throttled = (lane for lane in lanes if lane.key[0] in budgets)
    mixed = sorted(throttled, key=lambda lane: crc32(f"{now_ms}{lane.key}".encode()))
    by_app = {app_id: iter([lane for lane in mixed if lane.key[0] == app_id]) for app_id in budgets}
    for lane in lanes:
        yield next(by_app[lane.key[0]]) if lane.key[0] in budgets else lane


def wish(lane: Lane, per_endpoint: int, now_ms: int) -> int:
    """Return how many the lane would take if it were alone."""
    if lane.paused_until_ms is not None and lane.paused_until_ms > now_ms:
        return 0
    most = min(lane.ready, per_endpoint - lane.in_flight)
    if lane.pace is not None:
        most = min(most, lane.pace.allowed(now_ms))
    return max(0, most)


def _take_turns(
    wishes: Mapping[LaneKey, int], budgets: dict[str, int], room: int
) -> dict[LaneKey, int]:
    quotas: dict[LaneKey, int] = {}
    turn = [key for key, most in wishes.items() if most]
    while turn and room:
        for key in turn:
            left = budgets.get(key[0])
            if left == 0:
                continue
            if not room:
                break
            if left is not None:
                budgets[key[0]] = left - 1
            quotas[key] = quotas.get(key, 0) + 1
            room -= 1
        turn = [
            key for key in turn if quotas.get(key, 0) < wishes[key] and budgets.get(key[0]) != 0
        ]
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
