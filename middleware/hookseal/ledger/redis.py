"""The ledger in Redis or Valkey, for all processes that reach the server.

Knows one Lua script a transition, each atomic and on the server's clock, over one key an event.
What is stored under a key is text with a value at its end::

    C:<lease end, unix ms>:<attempt>:<fingerprint>:<token>     claimed
    C:0:<attempt>:<fingerprint>:                               released, where attempt is above 1
    D:<fingerprint>:<packed reply>                             done

The key's own TTL is the retention, so there is nothing to purge. Needs ``redis`` (redis-py),
which speaks to Valkey as well.

Source: redis.io/docs/latest/develop/programmability/eval-intro; the same on valkey.io.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
import weakref
from typing import TYPE_CHECKING, cast

from redis.exceptions import NoScriptError, RedisError

from hookseal.ledger import redis_clients
from hookseal.ledger.base import Claimed, Done, InFlight, Outcome, Reply
from hookseal.ledger.packing import StoredValueError, pack, unpack

if TYPE_CHECKING:
    from hookseal.ledger.redis_clients import (
        AnyAsyncClient,
        AnyClient,
        AsyncScriptClient,
        ScriptClient,
    )

__all__ = ["AsyncRedisLedger", "RedisLedger"]

SEVEN_DAYS = 7 * 24 * 3600.0
DEFAULT_PREFIX = "hookseal:ledger:"
_CHECK_LEASE_SECONDS = 5.0


class _Script:
    """A Lua script and the name that the server knows it by."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


_NOW = """\
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""
_HOLDER = """\
local held = redis.call('GET', KEYS[1])
if not held then return 0 end
local attempt, fingerprint, token = string.match(held, '^C:[1-9]%d*:(%d+):(%d+):(.*)$')
if token ~= ARGV[1] then return 0 end
"""

_CLAIM = _Script(
    _NOW
    + """\
local held = redis.call('GET', KEYS[1])
local attempt = 1
if held then
  local ends, before, token = string.match(held, '^C:(%d+):(%d+):%d+:(.*)$')
  if not ends then return held end
  if token == ARGV[1] and ends ~= '0' then  -- the client sends again what it has had no answer to
    attempt = tonumber(before)
  elseif tonumber(ends) > now then
    return ends - now
  else
    attempt = before + 1
  end
end
local value = string.format('C:%.0f:%.0f:%s:', now + ARGV[2], attempt, ARGV[4]) .. ARGV[1]
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
return -attempt
"""
)
"""Given token, lease, TTL and fingerprint. Answers the attempt as a negative number, how many ms
the lease of another has left as a positive one, or what is stored where that is no claim."""

_RENEW = _Script(
    _NOW
    + _HOLDER
    + """\
local value = string.format('C:%.0f:%s:%s:', now + ARGV[2], attempt, fingerprint) .. token
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
return 1
"""
)
"""Given token, lease and TTL. Answers 1, or 0 where the claim is not held."""

_COMPLETE = _Script(
    _HOLDER
    + """\
redis.call('SET', KEYS[1], 'D:' .. fingerprint .. ':' .. ARGV[2], 'PX', ARGV[3])
return 1
"""
)
"""Given token, packed reply and TTL. Answers 1, or 0 where the claim is not held."""

_RELEASE = _Script(
    _HOLDER
    + """\
if attempt == '1' then return redis.call('DEL', KEYS[1]) end
local value = string.format('C:0:%s:%s:', attempt, fingerprint)
redis.call('SET', KEYS[1], value, 'PX', math.max(redis.call('PTTL', KEYS[1]), 1))
return 1
"""
)
"""Given token. Answers 1, or 0 where the claim is not held. What is left of a claim above the first
goes when it would have gone unreleased."""

_DONE = re.compile(rb"D:([0-9]+):", re.DOTALL)


class _Settings:
    """What both forms share: the names of keys and the arguments of each transition."""

    def __init__(self, client: object, prefix: str, abandoned: float) -> None:
        self.place = (client, prefix)
        """Equal to that of another ledger where both keep their events in one store."""
        self._prefix = prefix
        self._abandoned = abandoned

    def _name(self, key: bytes) -> str:
        return self._prefix + key.hex()

    def _lease(self, lease: float) -> tuple[int, int]:
        return _milliseconds(lease), _milliseconds(lease + self._abandoned)


class RedisLedger(_Settings):
    """Claims and replies on a Redis or Valkey server.

    ``client`` is a client of redis-py or a URL ("redis://", "rediss://", "valkey://",
    "valkeys://", "unix://"); a client made from a URL waits ``timeout`` seconds to connect and as
    long for an answer, and tries once. Keys begin with ``prefix``. A claim that was abandoned is
    remembered for ``abandoned`` seconds after its lease, so that the next attempt has a higher
    number. Raises :class:`ConfigError` for a client or a URL that cannot be used.
    """

    blocking = True

    def __init__(
        self,
        client: AnyClient | str,
        *,
        prefix: str = DEFAULT_PREFIX,
        timeout: float = 1.0,
        abandoned: float = SEVEN_DAYS,
    ) -> None:
        super().__init__(client, prefix, abandoned)
        self._client: ScriptClient = (
            redis_clients.connect(client, timeout)
            if isinstance(client, str)
            else redis_clients.accept(client)
        )

    def claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Outcome:
        """Claim the event for ``lease`` seconds, or say why not."""
        return _outcome(self._run(_CLAIM, key, token, *self._lease(lease), fingerprint))

    def renew(self, key: bytes, token: bytes, lease: float) -> bool:
        """Make the claim last ``lease`` seconds from now; False if it is no longer held."""
        return self._run(_RENEW, key, token, *self._lease(lease)) == 1

    def complete(self, key: bytes, token: bytes, reply: Reply, retention: float) -> bool:
        """Keep ``reply`` for ``retention`` seconds; False if the claim is no longer held."""
        return self._run(_COMPLETE, key, token, pack(reply), _milliseconds(retention)) == 1

    def release(self, key: bytes, token: bytes) -> bool:
        """End the claim; False if it is not held. A number above 1 is remembered."""
        return self._run(_RELEASE, key, token) == 1

    def check(self) -> None:
        """Raise :class:`ConfigError` if the server cannot be used now."""
        key = token = uuid.uuid4().bytes
        try:
            self.claim(key, token, _CHECK_LEASE_SECONDS, 0)
            self.release(key, token)
        except (OSError, RedisError) as error:
            raise redis_clients.unusable(self._client, error) from error

    def close(self) -> None:
        """Close the connections. They are opened again when the ledger is used again."""
        self._client.close()

    def _run(self, script: _Script, key: bytes, *arguments: bytes | int) -> object:
        name = self._name(key)
        try:
            return self._client.evalsha(script.sha, 1, name, *arguments)
        except NoScriptError:  # the server is new, or was told to forget its scripts
            return self._client.eval(script.text, 1, name, *arguments)


class AsyncRedisLedger(_Settings):
    """The same for an event loop, with an async client or a URL.

    From a URL it has a client for each event loop that it is used on.
    """

    def __init__(
        self,
        client: AnyAsyncClient | str,
        *,
        prefix: str = DEFAULT_PREFIX,
        timeout: float = 1.0,
        abandoned: float = SEVEN_DAYS,
    ) -> None:
        super().__init__(client, prefix, abandoned)
        self._timeout = timeout
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncScriptClient] = (
            weakref.WeakKeyDictionary()
        )
        self._url = ""
        self._given: AsyncScriptClient | None = None
        if isinstance(client, str):
            self._url = client
            redis_clients.connect_async(client, timeout)  # so that a bad URL is found now
        else:
            self._given = redis_clients.accept_async(client)

    async def claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Outcome:
        """Claim the event for ``lease`` seconds, or say why not."""
        return _outcome(await self._run(_CLAIM, key, token, *self._lease(lease), fingerprint))

    async def renew(self, key: bytes, token: bytes, lease: float) -> bool:
        """Make the claim last ``lease`` seconds from now; False if it is no longer held."""
        return await self._run(_RENEW, key, token, *self._lease(lease)) == 1

    async def complete(self, key: bytes, token: bytes, reply: Reply, retention: float) -> bool:
        """Keep ``reply`` for ``retention`` seconds; False if the claim is no longer held."""
        return await self._run(_COMPLETE, key, token, pack(reply), _milliseconds(retention)) == 1

    async def release(self, key: bytes, token: bytes) -> bool:
        """End the claim; False if it is not held. A number above 1 is remembered."""
        return await self._run(_RELEASE, key, token) == 1

    async def check(self) -> None:
        """Raise :class:`ConfigError` if the server cannot be used now."""
        key = token = uuid.uuid4().bytes
        try:
            await self.claim(key, token, _CHECK_LEASE_SECONDS, 0)
            await self.release(key, token)
        except (OSError, RedisError) as error:
            raise redis_clients.unusable(self._client(), error) from error

    async def aclose(self) -> None:
        """Close the connections of this event loop; call it before the loop ends."""
        client = self._clients.pop(asyncio.get_running_loop(), None) or self._given
        if client is not None:
            await client.aclose()

    async def _run(self, script: _Script, key: bytes, *arguments: bytes | int) -> object:
        name, client = self._name(key), self._client()
        try:
            return await client.evalsha(script.sha, 1, name, *arguments)
        except NoScriptError:  # the server is new, or was told to forget its scripts
            return await client.eval(script.text, 1, name, *arguments)

    def _client(self) -> AsyncScriptClient:
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = redis_clients.connect_async(self._url, self._timeout)
            self._clients[loop] = client
        return client


def _outcome(answer: object) -> Outcome:
    if isinstance(answer, int):
        return InFlight(answer / 1000) if answer > 0 else Claimed(-answer)
    done = _DONE.match(answer) if isinstance(answer, bytes) else None
    if done is None:
        raise StoredValueError("a stored event is damaged, or not one of Hookseal's")
    return Done(unpack(cast("bytes", answer)[done.end() :]), int(done[1]))


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
