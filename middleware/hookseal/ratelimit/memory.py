"""Counters in this process's memory, bounded in number.

Knows how to stay bounded and flat in cost. Must not know what is counted.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from limits.storage import Storage

from hookseal.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BoundedCounters", "BoundedMemoryStorage"]

DEFAULT_MAX_KEYS = 100_000
_NOTHING = (0, 0.0)
_EXPIRED_PER_INSERT = 2
"""Above 1, so that expired counters go faster than new ones come."""


class BoundedCounters:
    """Counters in memory, with a cap on their number and a flat cost.

    A new counter removes the oldest ones that have expired and, at the cap, the oldest one of all.
    """

    def __init__(
        self, *, max_keys: int = DEFAULT_MAX_KEYS, clock: Callable[[], float] = time.time
    ) -> None:
        if max_keys < 1:
            raise ConfigError(f"max_keys: {max_keys}; it must be 1 or more.")
        self._max_keys = max_keys
        self._clock = clock
        self._counters: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` to the counter ``key``, new ones expiring in ``expiry`` seconds."""
        now = self._clock()
        with self._lock:
            count, expires = self._counters.get(key, _NOTHING)
            if expires <= now:
                self._counters.pop(key, None)
                self._make_room(now)
                count, expires = 0, now + expiry
            count += amount
            self._counters[key] = (count, expires)
        return count

    def _make_room(self, now: float) -> None:
        for _ in range(_EXPIRED_PER_INSERT):
            if not self._counters:
                return
            oldest = next(iter(self._counters))
            if self._counters[oldest][1] > now and len(self._counters) < self._max_keys:
                return
            del self._counters[oldest]

    def get(self, key: str) -> int:
        """Return the counter, 0 where it is unknown or expired."""
        count, expires = self._counters.get(key, _NOTHING)
        return count if count and expires > self._clock() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the counter expires, in unix seconds; now where it is unknown."""
        return self._counters.get(key, (0, self._clock()))[1]

    def clear(self, key: str) -> None:
        """Forget one counter."""
        with self._lock:
            self._counters.pop(key, None)

    def reset(self) -> int:
        """Forget every counter and return how many there were."""
        with self._lock:
            count = len(self._counters)
            self._counters.clear()
        return count


class BoundedMemoryStorage(Storage):
    """Bounded counters in memory, as a storage of ``limits``.

    The library's own memory storage keeps every key until a timer, started by each hit, has
    scanned them all: at a million keys that stops the process for a third of a second.
    """

    STORAGE_SCHEME = ["hookseal-memory"]  # noqa: RUF012 # the base class declares it so

    def __init__(
        self,
        uri: str | None = None,
        wrap_exceptions: bool = False,  # noqa: FBT001, FBT002 # the base class declares it so
        *,
        max_keys: int = DEFAULT_MAX_KEYS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self.counters = BoundedCounters(max_keys=max_keys, clock=clock)

    @property
    def base_exceptions(self) -> type[Exception]:
        """The library's hook for errors of a remote store; memory has none."""
        return ConfigError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` to the counter ``key``, new ones expiring in ``expiry`` seconds."""
        return self.counters.incr(key, expiry, amount)

    def get(self, key: str) -> int:
        """Return the counter, 0 where it is unknown or expired."""
        return self.counters.get(key)

    def get_expiry(self, key: str) -> float:
        """Return when the counter expires, in unix seconds; now where it is unknown."""
        return self.counters.get_expiry(key)

    def check(self) -> bool:
        """Return True: memory is always there."""
        return True

    def clear(self, key: str) -> None:
        """Forget one counter."""
        self.counters.clear(key)

    def reset(self) -> int:
        """Forget every counter and return how many there were."""
        return self.counters.reset()
