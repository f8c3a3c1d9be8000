"""Clients of redis-py, made from URLs or checked as they are given.

Knows redis-py, whose own types say little: all casts are here. Must not know the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from hookseal.errors import ConfigError
from hookseal.ledger.reach import unreachable

if TYPE_CHECKING:
    AnyClient: TypeAlias = redis.Redis | redis.RedisCluster
    AnyAsyncClient: TypeAlias = redis.asyncio.Redis | redis.asyncio.RedisCluster

__all__ = [
    "AsyncScriptClient",
    "ScriptClient",
    "accept",
    "accept_async",
    "connect",
    "connect_async",
    "unusable",
]

_SCHEMES = {"valkey": "redis", "valkeys": "rediss"}
_ASYNC = (redis.asyncio.Redis, redis.asyncio.RedisCluster)


class ScriptClient(Protocol):
    """What the sync ledger needs of a client."""

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: str | bytes | int) -> object:
        """Run the script with this hash."""
        ...

    def eval(self, script: str, numkeys: int, *keys_and_args: str | bytes | int) -> object:
        """Run the script and remember it."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class AsyncScriptClient(Protocol):
    """What the async ledger needs of a client."""

    async def evalsha(self, sha: str, numkeys: int, *keys_and_args: str | bytes | int) -> object:
        """Run the script with this hash."""
        ...

    async def eval(self, script: str, numkeys: int, *keys_and_args: str | bytes | int) -> object:
        """Run the script and remember it."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def connect(url: str, timeout: float) -> ScriptClient:
    """Return a client that tries once and never waits longer than ``timeout`` at one point."""
    pools: Any = redis.BlockingConnectionPool
    client: Any = redis.Redis.from_pool(_pool(pools.from_url, url, timeout, Retry(NoBackoff(), 0)))
    return cast("ScriptClient", client)


def connect_async(url: str, timeout: float) -> AsyncScriptClient:
    """Return the same for the running event loop."""
    pools: Any = redis.asyncio.BlockingConnectionPool
    once = AsyncRetry(NoBackoff(), 0)
    client: Any = redis.asyncio.Redis.from_pool(_pool(pools.from_url, url, timeout, once))
    return cast("AsyncScriptClient", client)


def accept(client: AnyClient) -> ScriptClient:
    """Return the client; raise :class:`ConfigError` for one of the wrong kind."""
    given: Any = client
    if isinstance(given, _ASYNC):
        raise ConfigError("ledger: the Redis client is async. Use AsyncRedisLedger with it.")
    return cast("ScriptClient", _with_bytes(given))


def accept_async(client: AnyAsyncClient) -> AsyncScriptClient:
    """Return the client; raise :class:`ConfigError` for one of the wrong kind."""
    given: Any = client
    if not isinstance(given, _ASYNC):
        raise ConfigError("ledger: the Redis client is not async. Use RedisLedger with it.")
    return cast("AsyncScriptClient", _with_bytes(given))


def unusable(client: ScriptClient | AsyncScriptClient, error: Exception) -> ConfigError:
    """Return the error that says where the server is and why it cannot be used."""
    settings = cast("Any", client).get_connection_kwargs()
    place = settings.get("path") or (
        f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}"
    )
    return unreachable(place, error, settings.get("password"))


def _with_bytes(client: Any) -> Any:
    if client.get_encoder().decode_responses:
        raise ConfigError(
            "ledger: the Redis client has decode_responses=True, and replies are bytes. Give the "
            "ledger a client without it."
        )
    return client


def _pool(make: Callable[..., Any], url: str, timeout: float, retry: object) -> Any:
    """Return a pool for ``url``; what the URL's query says goes before the settings here."""
    written, _, rest = url.partition("://")
    scheme = written.lower()
    try:
        return make(
            f"{_SCHEMES.get(scheme, scheme)}://{rest}",
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=retry,
        )
    except ValueError:
        # Without the cause: where a password is not %-escaped, it holds a piece of it.
        raise ConfigError(
            "ledger: the URL of the Redis server cannot be read. Write "
            "redis://user:password@host:6379/0 (or rediss://, valkey://, valkeys://, "
            "unix:///path), with %-escapes in the password."
        ) from None
