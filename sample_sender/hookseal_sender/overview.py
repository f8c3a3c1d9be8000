"""The state of the whole sender, asked for rarely.

Knows when a counted state is fresh enough to be shown again. Must not know who shows it, nor how
it is counted: that may be slow, and a scrape must neither cause it often nor wait for it long.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hookseal_sender.model import Overview

__all__ = ["OverviewCache"]

_log = logging.getLogger(__name__)
_KEEP = 15.0
_EXPIRE = 60.0
_WAIT = 2.0


class OverviewCache:
    """Gives what ``read`` returned, at most ``_KEEP`` seconds ago if it is quick.

    However many ask, one read is under way at once; nobody waits for it longer than ``wait``
    seconds. ``clock`` returns seconds that only grow.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Overview]],
        *,
        wait: float = _WAIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._wait = wait
        self._clock = clock
        self._found: Overview | None = None
        self._at = -_EXPIRE
        self._reading: asyncio.Task[None] | None = None

    async def get(self) -> Overview | None:
        """Return the state, or None: the database failed, or has not answered for a minute."""
        if self._age() >= _KEEP:
            await self._refresh()
        return self._found if self._age() < _EXPIRE else None

    async def close(self) -> None:
        """Give up a read that is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    def _age(self) -> float:
        return self._clock() - self._at

    async def _refresh(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._take())
        await asyncio.wait({self._reading}, timeout=self._wait)

    async def _take(self) -> None:
        try:
            self._found = await self._read()
        except Exception as error:  # noqa: BLE001 # whatever failed, there is nothing to show
            _log.warning("the sender's state could not be counted: %s", error)
            self._found = None
        self._at = self._clock()
