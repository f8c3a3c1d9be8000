"""A blocking ledger for an event loop: each step runs on a thread of its own little pool.

Knows threads and the deadline. Must not know which store it is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from hookseal.errors import ConfigError

if TYPE_CHECKING:
    from hookseal.ledger.base import Ledger, Outcome, Reply

__all__ = ["InThread"]

DEFAULT_THREADS = 4
DEFAULT_DEADLINE_SECONDS = 3.0

Result = TypeVar("Result")


class InThread:
    """``ledger`` as an async one, at most ``threads`` steps at once.

    A step that takes longer than ``deadline`` seconds, waiting for a thread included, raises
    :class:`TimeoutError`; a claim that is made after that lasts until its lease is over.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        threads: int = DEFAULT_THREADS,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> None:
        if threads < 1:
            raise ConfigError(f"threads: {threads}; it must be 1 or more.")
        self.ledger = ledger
        self._threads = threads
        self._deadline = deadline
        self._executor: ThreadPoolExecutor | None = None
        self._pid = 0

    async def claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Outcome:
        """Claim the event for ``lease`` seconds, or say why not."""
        return await self._run(self.ledger.claim, key, token, lease, fingerprint)

    async def renew(self, key: bytes, token: bytes, lease: float) -> bool:
        """Make the claim last ``lease`` seconds from now; False if it is no longer held."""
        return await self._run(self.ledger.renew, key, token, lease)

    async def complete(self, key: bytes, token: bytes, reply: Reply, retention: float) -> bool:
        """Keep ``reply`` for ``retention`` seconds; False if the claim is no longer held."""
        return await self._run(self.ledger.complete, key, token, reply, retention)

    async def release(self, key: bytes, token: bytes) -> bool:
        """End the claim, so that the event is claimed again; False if it is not held."""
        return await self._run(self.ledger.release, key, token)

    async def check(self) -> None:
        """Raise :class:`ConfigError` if the store cannot be used now."""
        check: Callable[[], None] | None = getattr(self.ledger, "check", None)
        if check is not None:
            await self._run(check)

    async def aclose(self) -> None:
        """Let the threads end, and close the store if it can be closed; it may be used again."""
        close: Callable[[], None] | None = getattr(self.ledger, "close", None)
        if close is not None:
            await self._run(close)
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False)

    async def _run(self, step: Callable[..., Result], *arguments: Any) -> Result:
        if self._executor is None or self._pid != os.getpid():  # threads do not survive a fork
            self._executor = ThreadPoolExecutor(self._threads, "hookseal-ledger")
            self._pid = os.getpid()
        running = asyncio.get_running_loop().run_in_executor(self._executor, step, *arguments)
        async with asyncio.timeout(self._deadline):
            return await running
