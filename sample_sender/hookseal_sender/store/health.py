"""What results mean for the endpoint as a whole: a pure decision.

Knows when an endpoint counts as failing, rests or is disabled. Must not know a clock or a database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hookseal_sender.model import Disabled
from hookseal_sender.throttle import pause_after

if TYPE_CHECKING:
    from hookseal_sender.model import Result

__all__ = ["Health", "follow"]

_SECOND_MS = 1000


class Health(NamedTuple):
    """``pauses`` counts the pauses in a row, ``disabled_for`` is set when it is disabled now."""

    failing_since_ms: int | None = None
    paused_until_ms: int | None = None
    pauses: int = 0
    disabled: bool = False
    disabled_for: Disabled | None = None


def follow(health: Health, result: Result, *, now_ms: int, disable_after: float) -> Health:
    """Return the health behind ``result``.

    An endpoint that fails for ``disable_after`` seconds without a success is disabled; 0: never.
    """
    if result.attempt.succeeded:
        return _succeeded(health, now_ms)
    since_ms = now_ms if health.failing_since_ms is None else health.failing_since_ms
    health = health._replace(failing_since_ms=since_ms)
    if result.pauses:
        health = _paused(health, result.wish, now_ms)
    if health.disabled:
        return health
    if result.disables_endpoint:
        return health._replace(disabled=True, disabled_for=Disabled.GONE)
    if 0 < disable_after * _SECOND_MS <= now_ms - since_ms:
        return health._replace(disabled=True, disabled_for=Disabled.FAILING)
    return health


def _resting(health: Health, now_ms: int) -> bool:
    return health.paused_until_ms is not None and health.paused_until_ms > now_ms


def _succeeded(health: Health, now_ms: int) -> Health:
    if health.failing_since_ms is None and not health.pauses:  # as nearly always
        return health
    if _resting(health, now_ms):  # it was under way before: no word on how the pause ends
        return health._replace(failing_since_ms=None)
    return health._replace(failing_since_ms=None, paused_until_ms=None, pauses=0)


def _paused(health: Health, wish: float | None, now_ms: int) -> Health:
    """Begin a pause; several answers of the same moment are one step of the streak."""
    resting = _resting(health, now_ms)
    pauses = health.pauses if resting else health.pauses + 1
    until_ms = now_ms + round(pause_after(pauses, wish) * _SECOND_MS)
    if resting and health.paused_until_ms is not None:
        until_ms = max(until_ms, health.paused_until_ms) if wish else health.paused_until_ms
    return health._replace(pauses=pauses, paused_until_ms=until_ms)
