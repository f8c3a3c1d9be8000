"""Group commit: what arrives while one transaction runs shares the next.

Knows how to collect items and hand each caller its own result. Must not know SQL or threads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from hookseal_sender.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["Batcher"]

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class Batcher(Generic[ItemT, ResultT]):
    """Collects items and commits them together, at most ``limit`` at a time.

    ``weigh`` returns the bytes of an item that count: those of a batch have at most
    ``limit_bytes``, save that one that has more goes alone. ``commit`` returns one result per item;
    an exception among them is raised to that item's caller alone. A commit that fails as a whole is
    tried again by halves, so that an item that cannot be stored does not take its neighbours along.
    Where the database itself failed nothing is tried again: it may have been committed after all.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT | Exception]]],
        weigh: Callable[[ItemT], int],
        *,
        limit: int = 500,
        limit_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        self._commit = commit
        self._weigh = weigh
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._waiting: deque[tuple[ItemT, asyncio.Future[ResultT]]] = deque()
        self._drain: asyncio.Task[None] | None = None

    async def submit(self, item: ItemT) -> ResultT:
        """Return ``item``'s result when the transaction that holds it is committed."""
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._drain is None:
            self._drain = asyncio.create_task(self._commit_all())
        return await future

    async def finish(self) -> None:
        """Return when everything submitted so far is committed."""
        if self._drain is not None:
            await self._drain

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                batch = self._take()
                results = await self._results([item for item, _ in batch])
                for (_, future), result in zip(batch, results, strict=True):
                    _resolve(future, result)
        finally:
            self._drain = None

    def _take(self) -> list[tuple[ItemT, asyncio.Future[ResultT]]]:
        batch = [self._waiting.popleft()]
        room = self._limit_bytes - self._weigh(batch[0][0])
        while self._waiting and len(batch) < self._limit:
            room -= self._weigh(self._waiting[0][0])
            if room < 0:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _results(self, items: Sequence[ItemT]) -> Sequence[ResultT | Exception]:
        try:
            return await self._commit(items)
        except StoreUnavailable as error:
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 # every caller gets it, or its own on its own
            if len(items) == 1:
                return [error]
        half = len(items) // 2
        return [*await self._results(items[:half]), *await self._results(items[half:])]


def _resolve(future: asyncio.Future[ResultT], result: ResultT | Exception) -> None:
    if future.done():  # its caller was cancelled; what was committed stays
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
