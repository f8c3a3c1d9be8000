"""Group commit: what arrives while one transaction runs shares the next.

Knows how to collect items and hand each caller its own result. Must not know SQL or threads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["Batcher"]

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class Batcher(Generic[ItemT, ResultT]):
    """Collects items and commits them together, at most ``limit`` at a time.

    ``commit`` returns one result per item; an exception among them is raised to that item's
    caller alone. If a whole commit fails, each of its items is tried on its own, so that one
    that cannot be stored does not take its neighbours along.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT | Exception]]],
        limit: int = 500,
    ) -> None:
        self._commit = commit
        self._limit = limit
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
        while self._waiting:
            size = min(self._limit, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            for (_, future), result in zip(batch, await self._results(batch), strict=True):
                _resolve(future, result)
        self._drain = None

    async def _results(
        self, batch: Sequence[tuple[ItemT, asyncio.Future[ResultT]]]
    ) -> Sequence[ResultT | Exception]:
        try:
            return await self._commit([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 # every caller gets it, or its own on its own
            if len(batch) == 1:
                return [error]
        return [(await self._results([entry]))[0] for entry in batch]


def _resolve(future: asyncio.Future[ResultT], result: ResultT | Exception) -> None:
    if future.done():  # its caller was cancelled; what was committed stays
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
