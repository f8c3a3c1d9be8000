"""Counters in Redis or Valkey, by URL.

Knows redis-py, which speaks to both, and the time it may take: what the URL's query says
(``?socket_timeout=1``) goes before the settings here. Must not know budgets.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any, cast

import redis
import redis.asyncio
from limits.aio.storage import RedisStorage as AsyncRedisStorage
from limits.storage import RedisStorage
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from hookseal.errors import ConfigError
from hookseal.ratelimit.budget import Counters
from hookseal.ratelimit.shared import AsyncCounters

__all__ = ["AsyncRedisCounters", "connect"]

DEFAULT_TIMEOUT_SECONDS = 0.25
_PREFIX = "hookseal:limits"
_SCHEMES = {"valkey": "redis", "valkeys": "rediss"}
# A connection that the server has closed meanwhile is worth one more; a time-out is not.
_RETRIES, _RETRIED = 1, (RedisConnectionError,)


def connect(url: str) -> Counters:
    """Return the counters at ``url``; raises :class:`ConfigError` for one that cannot be read."""
    pool = _pool(redis.BlockingConnectionPool, url, Retry(NoBackoff(), _RETRIES, _RETRIED))
    return cast("Counters", RedisStorage("redis://", connection_pool=pool, key_prefix=_PREFIX))


class AsyncRedisCounters:
    """The same for event loops, with connections of its own for each."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._storages: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncCounters] = (
            weakref.WeakKeyDictionary()
        )
        self._connect()  # so that a bad URL is found now

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` to the counter ``key``, new ones expiring in ``expiry`` seconds."""
        return await self._here().incr(key, expiry, amount)

    async def get(self, key: str) -> int:
        """Return the counter, 0 where it is unknown or expired."""
        return await self._here().get(key)

    async def get_expiry(self, key: str) -> float:
        """Return when the counter expires, in unix seconds; now where it is unknown."""
        return await self._here().get_expiry(key)

    def _here(self) -> AsyncCounters:
        loop = asyncio.get_running_loop()
        storage = self._storages.get(loop)
        if storage is None:
            storage = self._storages[loop] = self._connect()
        return storage

    def _connect(self) -> AsyncCounters:
        retry = AsyncRetry(NoBackoff(), _RETRIES, _RETRIED)
        pool = _pool(redis.asyncio.BlockingConnectionPool, self._url, retry)
        # limits 5.8 takes coredis where it is not told otherwise, and fails with today's coredis.
        storage: Any = AsyncRedisStorage(
            "redis://", implementation="redispy", key_prefix=_PREFIX, connection_pool=pool
        )
        return cast("AsyncCounters", storage)


def _pool(kind: Any, url: str, retry: object) -> Any:
    scheme, _, rest = url.partition("://")
    try:
        return kind.from_url(
            f"{_SCHEMES.get(scheme, scheme)}://{rest}",
            timeout=DEFAULT_TIMEOUT_SECONDS,
            socket_timeout=DEFAULT_TIMEOUT_SECONDS,
            socket_connect_timeout=DEFAULT_TIMEOUT_SECONDS,
            retry=retry,
        )
    except ValueError:
        # Without the cause: where a password is not %-escaped, it holds a piece of it.
        raise ConfigError(
            f"limit_storage: the URL {scheme}://... cannot be read. Write "
            "redis://user:password@host:6379/0, with %-escapes in the password."
        ) from None
