"""Deleting bins that have expired, now and then, for as long as Play is served.

Knows how often, and that a fault of the disk passes. Must not know what a bin holds.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hookseal_receiver.play.web import now_ms

if TYPE_CHECKING:
    from hookseal_receiver.play.app import Play
    from hookseal_receiver.play.model import Bin

__all__ = ["expiring"]

_log = logging.getLogger("hookseal.play")
_PAUSE_SECONDS = 600.0


@asynccontextmanager
async def expiring(
    play: Play,
    *,
    keep: Bin | None = None,
    clock: Callable[[], int] = now_ms,
    wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncGenerator[None]:
    """Delete bins that have expired, bodies and secrets with them, while the block runs.

    ``keep`` lives on from now, again and again. ``clock`` returns unix milliseconds, and ``wait``
    lets seconds pass.
    """
    rounds = asyncio.create_task(_rounds(play, keep, clock, wait))
    try:
        yield
    finally:
        rounds.cancel()
        await asyncio.wait([rounds])


async def _rounds(
    play: Play,
    keep: Bin | None,
    clock: Callable[[], int],
    wait: Callable[[float], Awaitable[object]],
) -> None:
    while True:
        try:
            if keep is not None:
                await play.store.extend(keep.id, clock(), play.settings)
            await play.store.purge(clock())
        except sqlite3.Error as error:
            _log.warning("play_not_purged: %s", error)
        await wait(_PAUSE_SECONDS)
