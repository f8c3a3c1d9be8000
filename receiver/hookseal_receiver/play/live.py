"""Telling open pages that a request arrived.

Knows which bins are being looked at in this process. Must not know what arrived: a page asks the
store, which other processes may have written to.
"""

from __future__ import annotations

import asyncio
import re
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
_ANSWERED = "-answered"
_SEEN = re.compile(r"([0-9]{1,18})(?:-answered)?")


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

    async def seen(self, bin_id: int) -> str:
        """Return what a page shows that is made now, for its stream to go on from."""
        return _seen(await self._store.newest(bin_id))

    async def stream(self, bin_id: int, after: str) -> AsyncIterator[bytes]:
        """Yield an event whenever there is more than in ``after``, which :meth:`seen` returned.

        It is *arrived* for newer requests, *changed* for the answer to the newest.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + _STREAM_SECONDS
        with self._watching(bin_id) as event:
            yield f"retry: {_RETRY_MS}\n\n".encode()
            while loop.time() < until:
                event.clear()
                newest = await self._store.newest(bin_id)
                if newest is None:
                    return
                if _seen(newest) != after:
                    yield _news(newest[0] - _number(after), _seen(newest))
                    after = _seen(newest)
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


def _news(count: int, seen: str) -> bytes:
    kind, words = "changed", ""
    if count > 0:
        kind = "arrived"
        words = "1 request arrived" if count == 1 else f"{count} requests arrived"
    return f"event: {kind}\nid: {seen}\ndata: {words}\n\n".encode()


def _seen(newest: tuple[int, bool] | None) -> str:
    number, answered = newest or (0, False)
    return f"{number}{_ANSWERED if answered else ''}"


def _number(seen: str) -> int:
    match = _SEEN.fullmatch(seen)
    return int(match[1]) if match else 0
