"""A budget in a store that processes share, which may be slow or away.

Knows what to ask of the store, and how it is decided without it: by counters of this process, as
many for each as the budget says. Must not know which store it is.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast

from hookseal.ratelimit.budget import CACHED_KEYS, Budget, Counters, Rate, whole_seconds
from hookseal.ratelimit.memory import BoundedMemoryStorage

if TYPE_CHECKING:
    from hookseal.ratelimit.breaker import Breaker

__all__ = ["AsyncCounters", "AsyncSharedBudget", "InThreads", "SharedBudget"]

DEFAULT_DEADLINE_SECONDS = 0.5
_FALLBACK_KEYS = 10_000
_THREADS = 4

Result = TypeVar("Result")
_Step: TypeAlias = Callable[[], Any]
_Asking: TypeAlias = Generator[_Step, Any, int | None]


class AsyncCounters(Protocol):
    """What a budget asks of an async storage of ``limits``."""

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` to the counter ``key``, new ones expiring in ``expiry`` seconds."""
        ...

    async def get(self, key: str) -> int:
        """Return the counter, 0 where it is unknown or expired."""
        ...

    async def get_expiry(self, key: str) -> float:
        """Return when the counter expires, in unix seconds; now where it is unknown."""
        ...


class _Shared(Rate):
    """What is asked of the store, step by step; sync and async budgets take the same steps.

    ``namespace`` sets the keys of an endpoint apart from those of others on the same store.
    """

    def __init__(
        self,
        rate: str,
        *,
        name: str,
        counters: Counters | AsyncCounters,
        breaker: Breaker,
        namespace: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(rate, name=name)
        self._counters = counters
        self._breaker = breaker
        self._namespace = namespace
        self._clock = clock
        memory = BoundedMemoryStorage(max_keys=_FALLBACK_KEYS, clock=clock)
        self._local = Budget(rate, name=name, storage=memory, clock=clock)
        self._key = functools.lru_cache(CACHED_KEYS)(self._hashed_key)

    def _hashed_key(self, key: str) -> str:
        """Return the counter's key: of one length, and of no other strategy (they share names)."""
        hashed = hashlib.sha256(f"{self._namespace}\x00{self.name}\x00{key}".encode())
        return self._item.key_for("hookseal-fixed", hashed.hexdigest())

    def _testing(self, key: str) -> _Asking:
        return self._asking(self._test_store(self._key(key)), self._local.test, key)

    def _hitting(self, key: str) -> _Asking:
        return self._asking(self._hit_store(self._key(key)), self._local.hit, key)

    def _asking(self, asking: _Asking, instead: Callable[[str], int | None], key: str) -> _Asking:
        """Ask the store, or decide here ``instead`` where it fails or is known to."""
        if not self._breaker.lets_ask():
            return instead(key)
        try:
            wait = yield from asking
        except Exception as error:  # noqa: BLE001 # stores raise whatever their clients raise
            self._breaker.failed(error)
            return instead(key)
        self._breaker.answered()
        return wait

    def _test_store(self, counter: str) -> _Asking:
        taken: int = yield functools.partial(self._counters.get, counter)
        return None if taken < self.limit else (yield from self._wait(counter))

    def _hit_store(self, counter: str) -> _Asking:
        taken: int = yield functools.partial(self._counters.incr, counter, self.window_seconds)
        return None if taken <= self.limit else (yield from self._wait(counter))

    def _wait(self, counter: str) -> Generator[_Step, Any, int]:
        expires: float = yield functools.partial(self._counters.get_expiry, counter)
        return whole_seconds(expires - self._clock())


class SharedBudget(_Shared):
    """A budget on a sync store. It waits as long as the store's client does."""

    def test(self, key: str) -> int | None:
        """Return None while something is left, else the seconds until it is."""
        return _run(self._testing(key))

    def hit(self, key: str) -> int | None:
        """Take one and return None; where nothing is left, return the seconds until it is."""
        return _run(self._hitting(key))


class AsyncSharedBudget(_Shared):
    """A budget on an async store, which has ``deadline`` seconds for an answer."""

    def __init__(
        self,
        rate: str,
        *,
        name: str,
        counters: AsyncCounters,
        breaker: Breaker,
        namespace: str = "",
        deadline: float = DEFAULT_DEADLINE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            rate, name=name, counters=counters, breaker=breaker, namespace=namespace, clock=clock
        )
        self._deadline = deadline

    async def test(self, key: str) -> int | None:
        """Return None while something is left, else the seconds until it is."""
        return await _run_async(self._testing(key), self._deadline)

    async def hit(self, key: str) -> int | None:
        """Take one and return None; where nothing is left, return the seconds until it is."""
        return await _run_async(self._hitting(key), self._deadline)


def _run(steps: _Asking) -> int | None:
    try:
        step = next(steps)
        while True:
            try:
                result = step()
            except Exception as error:  # noqa: BLE001 # the steps judge what the store raises
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        return cast("int | None", end.value)


async def _run_async(steps: _Asking, deadline: float) -> int | None:
    try:
        step = next(steps)
        while True:
            try:
                async with asyncio.timeout(deadline):
                    result = await cast("Awaitable[Any]", step())
            except Exception as error:  # noqa: BLE001 # the steps judge what the store raises
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        return cast("int | None", end.value)


class InThreads:
    """Blocking counters for an event loop: each step runs on a thread of a little pool."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._executor: ThreadPoolExecutor | None = None
        self._pid = 0

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` to the counter ``key``, new ones expiring in ``expiry`` seconds."""
        return await self._run(self._counters.incr, key, expiry, amount)

    async def get(self, key: str) -> int:
        """Return the counter, 0 where it is unknown or expired."""
        return await self._run(self._counters.get, key)

    async def get_expiry(self, key: str) -> float:
        """Return when the counter expires, in unix seconds; now where it is unknown."""
        return await self._run(self._counters.get_expiry, key)

    async def _run(self, step: Callable[..., Result], *arguments: Any) -> Result:
        if self._executor is None or self._pid != os.getpid():  # threads do not survive a fork
            self._executor = ThreadPoolExecutor(_THREADS, "hookseal-limits")
            self._pid = os.getpid()
        return await asyncio.get_running_loop().run_in_executor(self._executor, step, *arguments)
