"""Connections to customers: aiohttp's pool behind the address guard.

Knows how names are resolved, which addresses a socket may be made for, and when a kept connection
was closed by the peer. Must not know what is sent. The guard is asked twice: for what a name
resolves to, and for the address of each socket, since literals skip the resolver.

An exchange is made on the connector, not through ``ClientSession``: following redirects, cookies,
proxies and credentials are what a delivery must not do, and they cost more than half of the
processor time of a request (``python -m benchmarks.transport``).
"""

from __future__ import annotations

import functools
import socket
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from aiohttp import ClientOSError, ClientTimeout, ServerDisconnectedError, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError

if TYPE_CHECKING:
    import asyncio

    from aiohttp import ClientRequest, StreamReader
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage

    from hookseal_sender.addresses import AddressGuard

    AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[str, int]]

__all__ = ["AddressRefused", "Link", "Pool", "StaleConnection"]

_UNTIMED = ClientTimeout(total=None, sock_connect=None)  # the caller times the whole exchange
_READ_AHEAD_BYTES = 16 * 1024
_LEAST_STATUS = 100
_INTERIM = frozenset(range(100, 200)) - {101}  # 101 is final: no other answer follows it
_MOST_INTERIM = 10  # for a peer that sends them without end would keep the event loop busy


class AddressRefused(OSError):
    """The guard does not allow the address."""


class StaleConnection(ServerDisconnectedError):
    """The peer closed a kept connection before any byte of an answer: its right at any time.

    Source: RFC 9112, 9.3.1.
    """


class GuardedResolver(AbstractResolver):
    """Resolves names, and refuses one that leads to any address that the guard refuses."""

    def __init__(self, guard: AddressGuard, resolver: AbstractResolver) -> None:
        self._guard = guard
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses; raises :class:`AddressRefused`, OSError if there is no answer."""
        try:
            found = await self._resolver.resolve(host, port, family)
        except UnicodeError:
            raise OSError(None, "not a host name") from None
        if not found:
            raise AddressRefused("the name has no address")
        refusal = next(filter(None, (self._guard.refusal(each["host"]) for each in found)), None)
        if refusal is not None:
            raise AddressRefused(refusal)
        return found

    async def close(self) -> None:
        """Close the resolver behind it."""
        await self._resolver.close()


class Link(ResponseHandler):
    """One connection: remembers whether it served before, and whether the answer has begun."""

    served = False
    _answering = False

    def begin(self) -> asyncio.Transport:
        """Make ready for one exchange and return what to write to.

        Raises ServerDisconnectedError if the peer closed it, or spoke without being asked: what
        it said would be taken for the answer. On a kept one that is :class:`StaleConnection`.
        """
        if self.transport is None or self.should_close:
            raise StaleConnection if self.served else ServerDisconnectedError
        self._answering = False
        self.set_response_params(
            read_until_eof=True, auto_decompress=False, read_bufsize=_READ_AHEAD_BYTES
        )
        return self.transport

    def data_received(self, data: bytes) -> None:
        """Take bytes from the peer."""
        self._answering = True
        super().data_received(data)

    async def answer(self) -> tuple[RawResponseMessage, StreamReader]:
        """Return the final answer's head and its body to be read.

        Raises :class:`StaleConnection` if a kept connection ended before any byte came, and
        HttpProcessingError for what is no status, and for interim answers without end.
        """
        try:
            for _ in range(_MOST_INTERIM + 1):
                message, payload = await self.read()
                if message.code not in _INTERIM:
                    break
            else:
                raise HttpProcessingError(message="too many interim answers")
        except (ServerDisconnectedError, ClientOSError) as error:
            if self.served and not self._answering:
                raise StaleConnection from error
            raise
        if message.code < _LEAST_STATUS:
            raise HttpProcessingError(message="not a status")
        self.served = True
        return message, payload


class Pool(TCPConnector):
    """Connections kept alive per origin, to allowed addresses only, in any number."""

    def __init__(self, guard: AddressGuard, resolver: AbstractResolver) -> None:
        self._guard = guard
        super().__init__(  # pyright: ignore[reportUnknownMemberType] # aiohappyeyeballs is partly untyped
            resolver=GuardedResolver(guard, resolver), socket_factory=self._open_socket, limit=0
        )
        make = functools.partial(Link, loop=self._loop)
        self._factory = cast("functools.partial[ResponseHandler]", make)

    async def take(self, request: ClientRequest) -> Connection:
        """Return a kept connection to the request's origin, or a fresh one."""
        return await self.connect(request, [], _UNTIMED)

    async def take_fresh(self, request: ClientRequest) -> Connection:
        """Return a fresh connection; kept ones to the same origin are taken for stale too."""
        while True:
            connection = await self.take(request)
            if not cast("Link", connection.protocol).served:
                return connection
            connection.close()

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close every connection, and the resolver."""
        await super().close(abort_ssl=abort_ssl)
        await self._resolver.close()

    def _open_socket(self, address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, target = cast("AddressInfo", address)
        refusal = self._guard.refusal(target[0])
        if refusal is not None:
            raise AddressRefused(refusal)
        return socket.socket(family, kind, protocol)
