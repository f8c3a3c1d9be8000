"""Telling open pages that a request arrived.

Knows which bins are being looked at in this process. Must not know what arrived: a page asks the
store, which other processes may have written to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from hookseal_receiver.play.store import PlayStore

__all__ = ["Live"]

_POLL_SECONDS = 1.0
_STREAM_SECONDS = 25.0
"""A stream ends by itself and the browser opens the next, so that a server can stop."""
_RETRY_MS = 1000


class Live:
    """Streams of server-sent events, at most ``limit`` at once."""

    def __init__(self, store: PlayStore, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._open = 0
        self._watched: dict[int, list[asyncio.Event]] = {}

    @property
    def full(self) -> bool:
        """Whether no further stream may be opened."""
        return self._open >= self._limit

    def arrived(self, bin_id: int) -> None:
        """Wake the streams of a bin in this process."""
        for event in self._watched.get(bin_id, ()):
            event.set()

    async def stream(self, bin_id: int, after: int) -> AsyncIterator[bytes]:
        """Yield an event whenever there are requests newer than number ``after``."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _STREAM_SECONDS
        with self._watching(bin_id) as event:
            yield f"retry: {_RETRY_MS}\nid: {after}\n\n".encode()
            while loop.time() < until:
                event.clear()
                newest = await self._store.last_number(bin_id)
                if newest is None:
                    return
                if newest > after:
                    count, after = newest - after, newest
                    words = "1 request arrived" if count == 1 else f"{count} requests arrived"
                    yield f"event: arrived\nid: {after}\ndata: {words}\n\n".encode()
                await _woken(event, _POLL_SECONDS)

    @contextmanager
    def _watching(self, bin_id: int) -> Generator[asyncio.Event]:
        event = asyncio.Event()
        watchers = self._watched.setdefault(bin_id, [])
        watchers.append(event)
        self._open += 1
        try:
            yield event
        finally:
            self._open -= 1
            watchers.remove(event)
            if not watchers:
                self._watched.pop(bin_id, None)


async def _woken(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
