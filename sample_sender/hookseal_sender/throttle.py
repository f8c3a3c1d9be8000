"""How long an endpoint rests that asked for less: a pure decision.

Knows the steps and what a wish may add. Must not know a clock or a store.
"""

from __future__ import annotations

__all__ = ["PAUSE_CAP", "pause_after"]

PAUSE_CAP = 600.0
"""Seconds beyond which no endpoint rests as a whole, whatever it asks for."""
_FIRST_PAUSE = 5.0
_STEPS_TO_CAP = 7  # 5 s doubled seven times is over the cap


def pause_after(streak: int, retry_after: float | None = None) -> float:
    """Return the seconds that an endpoint rests after its ``streak``-th throttling answer in a row.

    5 s, doubling up to :data:`PAUSE_CAP`. ``retry_after``, what the endpoint asked for, is obeyed
    when it is longer, up to the same. The single delivery obeys it further, by its schedule.
    """
    doublings = min(max(streak, 1) - 1, _STEPS_TO_CAP)
    return min(max(_FIRST_PAUSE * 2.0**doublings, retry_after or 0.0), PAUSE_CAP)
