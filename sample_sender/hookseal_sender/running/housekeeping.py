"""Removing what is kept no longer, now and then.

Knows how often, and that other writers come first. Must not know what is removed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hookseal_sender.errors import SenderError
from hookseal_sender.worker import wait_for_event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from hookseal_sender.observe import Observer
    from hookseal_sender.store import Store

__all__ = ["Housekeeper", "keeping_house"]

_log = logging.getLogger(__name__)
_DAY = 86_400
_PAUSE = 600.0  # seconds between rounds
_BREATH = 0.2  # seconds between the batches of a round, in which others write


class Housekeeper:
    """Removes from ``store`` what is older than ``retention`` days.

    ``clock`` returns unix seconds.
    """

    def __init__(
        self,
        store: Store,
        observer: Observer,
        *,
        retention: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._observer = observer
        self._retention = retention
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; a database that is away is asked again later."""
        while not stop.is_set():
            await wait_for_event(stop, await self.remove_some())

    async def remove_some(self) -> float:
        """Remove one batch; return the seconds to wait before the next."""
        before_ms = round((self._clock() - self._retention * _DAY) * 1000)
        try:
            rows = await self._store.purge(before_ms=before_ms)
        except SenderError as error:
            _log.warning("old rows could not be removed: %s; trying again in %g s", error, _PAUSE)
            self._observer.failed("purge")
            return _PAUSE
        if rows == 0:
            return _PAUSE
        self._observer.purged(rows)
        return _BREATH


@asynccontextmanager
async def keeping_house(housekeeper: Housekeeper) -> AsyncGenerator[None]:
    """Let ``housekeeper`` work while the block runs; a batch under way is finished."""
    stop = asyncio.Event()
    running = asyncio.create_task(housekeeper.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running
