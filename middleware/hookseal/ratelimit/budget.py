"""A budget: so many of something in a while, counted by key in fixed windows.

Knows how ``limits`` counts. Must not know where the counters are, nor that a store may fail.
"""

from __future__ import annotations

import functools
import math
import time
from typing import TYPE_CHECKING, Protocol

import limits

from hookseal.errors import ConfigError
from hookseal.ratelimit.memory import BoundedMemoryStorage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from limits.storage import Storage

__all__ = ["AnyBudget", "Budget", "Counters", "Rate"]

CACHED_KEYS = 4096


class Counters(Protocol):
    """What a budget asks of a storage of ``limits``."""

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` to the counter ``key``, new ones expiring in ``expiry`` seconds."""
        ...

    def get(self, key: str) -> int:
        """Return the counter, 0 where it is unknown or expired."""
        ...

    def get_expiry(self, key: str) -> float:
        """Return when the counter expires, in unix seconds; now where it is unknown."""
        ...


class AnyBudget(Protocol):
    """What a gate asks of a budget; it awaits what an async one returns."""

    def test(self, key: str) -> int | Awaitable[int | None] | None:
        """Return None while something is left, else the seconds until it is."""
        ...

    def hit(self, key: str) -> int | Awaitable[int | None] | None:
        """Take one and return None; where nothing is left, return the seconds until it is."""
        ...

    def fields(self, wait: int) -> dict[str, str]:
        """Return the response fields that say the budget is spent for ``wait`` seconds."""
        ...


class Rate:
    """So many in a while, under a name; what all budgets have in common.

    ``rate`` reads like ``"20/minute"`` or ``"1000 per 10 seconds"``. Raises :class:`ConfigError`.
    """

    def __init__(self, rate: str, *, name: str) -> None:
        try:
            items = limits.parse_many(rate)
        except ValueError:
            raise ConfigError(
                f"{name}: {rate!r} is no rate. Write, for example, '20/minute' or '1000/second'."
            ) from None
        if len(items) > 1:
            raise ConfigError(
                f"{name}: {rate!r} holds {len(items)} rates, and one is counted. Write the one "
                f"that matters, such as '{items[0]}'."
            )
        self._item = items[0]
        if self._item.amount < 1:
            raise ConfigError(f"{name}: {rate!r} lets nothing through. Write None for no limit.")
        self.name = name
        self.limit = self._item.amount
        self.window_seconds = self._item.get_expiry()

    def fields(self, wait: int) -> dict[str, str]:
        """Return the response fields that say the budget is spent for ``wait`` seconds.

        Source: draft-ietf-httpapi-ratelimit-headers-10, and RFC 9110 for Retry-After.
        """
        return {
            "retry-after": str(wait),
            "ratelimit-policy": f'"{self.name}";q={self.limit};w={self.window_seconds}',
            "ratelimit": f'"{self.name}";r=0;t={wait}',
        }


class Budget(Rate):
    """A budget on a storage that never waits and never fails.

    ``rate`` reads like ``"20/minute"`` or ``"1000 per 10 seconds"``. ``name`` sets the budget
    apart from others on the same storage; keys must not hold a ``/``, with which ``limits`` joins
    them. What :class:`limits.strategies.FixedWindowRateLimiter` does, with the joined keys kept:
    joining them is most of its cost.
    """

    def __init__(
        self,
        rate: str,
        *,
        name: str,
        storage: Storage,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(rate, name=name)
        # The library wraps every method of a storage: as costly as counting itself.
        self._counters: Counters = (
            storage.counters if isinstance(storage, BoundedMemoryStorage) else storage
        )
        self._clock = clock
        self._key = functools.lru_cache(CACHED_KEYS)(functools.partial(self._item.key_for, name))

    def test(self, key: str) -> int | None:
        """Return None while something is left, else the seconds until it is."""
        counter = self._key(key)
        return None if self._counters.get(counter) < self.limit else self._wait(counter)

    def hit(self, key: str) -> int | None:
        """Take one and return None; where nothing is left, return the seconds until it is."""
        counter = self._key(key)
        taken = self._counters.incr(counter, self.window_seconds)
        return None if taken <= self.limit else self._wait(counter)

    def _wait(self, counter: str) -> int:
        return whole_seconds(self._counters.get_expiry(counter) - self._clock())


def whole_seconds(seconds: float) -> int:
    """Return ``seconds`` as Retry-After says them: whole, and never 0."""
    return max(1, math.ceil(seconds))
