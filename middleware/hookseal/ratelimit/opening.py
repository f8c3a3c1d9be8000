"""Where budgets are counted: a storage by URL or by object, in the form that fits the face.

Knows which storages wait. Must not know how they count.
"""

from __future__ import annotations

import importlib.util
import inspect
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from limits.storage import MemoryStorage, Storage

from hookseal.errors import ConfigError
from hookseal.ratelimit.breaker import Breaker
from hookseal.ratelimit.budget import AnyBudget, Budget, Counters
from hookseal.ratelimit.memory import BoundedMemoryStorage
from hookseal.ratelimit.shared import AsyncCounters, AsyncSharedBudget, InThreads, SharedBudget

if TYPE_CHECKING:
    from limits.aio.storage import Storage as AsyncStorage

    from hookseal.ratelimit.breaker import Tell

    LimitStorage: TypeAlias = Storage | AsyncStorage | str
else:
    LimitStorage = Any

__all__ = ["LimitStorage", "Limiter", "check_storage", "waits"]

_REDIS = ("redis", "rediss", "valkey", "valkeys", "unix")
_SHOWN = "redis://host:6379/0, rediss://, valkey://, valkeys://, unix:///path, memory://"


class Limiter:
    """Makes the budgets of one endpoint, over one place to count and one breaker.

    ``asynchronous`` callers get budgets that never block their event loop. Raises
    :class:`ConfigError` for a storage that cannot be used so. Nothing is connected yet.
    """

    def __init__(
        self, storage: LimitStorage, *, asynchronous: bool, namespace: str, tell: Tell
    ) -> None:
        self._namespace = namespace
        self._breaker = Breaker(tell)
        self._memory: Storage | None = None
        self._sync: Counters | None = None
        self._async: AsyncCounters | None = None
        check_storage(storage)
        if isinstance(storage, str):
            self._open(storage, asynchronous=asynchronous)
        elif inspect.iscoroutinefunction(storage.incr):
            if not asynchronous:
                raise ConfigError(
                    "limit_storage: the storage is async, which a WSGI app cannot await. Give its "
                    "sync form (limits.storage instead of limits.aio.storage), or a URL."
                )
            self._async = cast("AsyncCounters", storage)
        elif not waits(storage):
            self._memory = cast("Storage", storage)
        elif asynchronous:
            self._async = InThreads(cast("Counters", storage))
        else:
            self._sync = cast("Counters", storage)

    def budget(self, name: str, rate: str | None) -> AnyBudget | None:
        """Return the budget ``name``, or None where there is no limit."""
        if rate is None:
            return None
        if self._memory is not None:
            return Budget(rate, name=name, storage=self._memory)
        if self._async is not None:
            return AsyncSharedBudget(
                rate,
                name=name,
                counters=self._async,
                breaker=self._breaker,
                namespace=self._namespace,
            )
        return SharedBudget(
            rate,
            name=name,
            counters=cast("Counters", self._sync),
            breaker=self._breaker,
            namespace=self._namespace,
        )

    def _open(self, url: str, *, asynchronous: bool) -> None:
        if url.startswith("memory:"):
            self._memory = BoundedMemoryStorage()
            return
        from hookseal.ratelimit import redis  # noqa: PLC0415 # is of an extra

        if asynchronous:
            self._async = redis.AsyncRedisCounters(url)
        else:
            self._sync = redis.connect(url)


def waits(storage: LimitStorage) -> bool:
    """Tell whether asking ``storage`` may take time, and may fail.

    A storage of your own that does neither has the attribute ``blocking = False``.
    """
    if isinstance(storage, str):
        return not storage.startswith("memory:")
    if isinstance(storage, BoundedMemoryStorage | MemoryStorage):
        return False
    return bool(getattr(storage, "blocking", True))


def check_storage(storage: LimitStorage) -> None:
    """Raise :class:`ConfigError` where ``storage`` is nothing that budgets can be counted in."""
    if not isinstance(storage, str):
        if not callable(getattr(storage, "incr", None)):
            raise ConfigError(
                f"limit_storage: found {type(storage).__name__}. Give a storage of the limits "
                f"library, or a URL: {_SHOWN}."
            )
        return
    scheme, separator, rest = storage.partition("://")
    if scheme == "memory" and separator and not rest:
        return
    if not separator or scheme not in _REDIS:
        found = f"{scheme}://..." if separator else "text without '://'"  # may hold a password
        raise ConfigError(
            f"limit_storage: found {found}. Write one of: {_SHOWN}; or give a storage object of "
            "the limits library."
        )
    if importlib.util.find_spec("redis") is None:
        raise ConfigError(
            f"limit_storage: {scheme}:// needs redis, which is not installed. "
            "Run: pip install 'hookseal[redis]'"
        )
