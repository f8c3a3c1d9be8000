"""The only place that opens a socket to a customer.

Knows aiohttp, and asks the address guard twice: for what a name resolves to, and again for the
address each socket is made for, since literals skip the resolver. Must not know signatures,
schedules or storage.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    DummyCookieJar,
    NonHttpUrlClientError,
    ServerDisconnectedError,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver, ResolveResult

from hookseal_sender.outcome import Exchange, Fault, FaultKind, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookseal_sender.addresses import AddressGuard

__all__ = ["RESPONSE_KEPT_BYTES", "HttpTransport", "Transport"]

RESPONSE_KEPT_BYTES = 20_000
"""Bytes of an answer that are kept; what follows is not read."""
_DEFAULT_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": "Hookseal-Sender/1 (+https://www.standardwebhooks.com)",
}


_AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[str, int]]


class Transport(Protocol):
    """Makes one request. Tests bring their own."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Exchange:
        """POST ``body`` and return the answer or why there was none; never raises for a peer."""
        ...


class AddressRefused(OSError):
    """The guard does not allow the address."""


class _GuardedResolver(AbstractResolver):
    """Resolves names, and drops the addresses that the guard refuses."""

    def __init__(self, guard: AddressGuard, resolver: AbstractResolver) -> None:
        self._guard = guard
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the allowed addresses; raises :class:`AddressRefused` if there are only others."""
        found = await self._resolver.resolve(host, port, family)
        refusals = [self._guard.refusal(each["host"]) for each in found]
        allowed = [each for each, refusal in zip(found, refusals, strict=True) if not refusal]
        if not allowed:
            raise AddressRefused(next(filter(None, refusals), "the name has no address"))
        return allowed

    async def close(self) -> None:
        """Close the resolver behind it."""
        await self._resolver.close()


class HttpTransport:
    """Sends over HTTP/1.1, keeping connections alive per origin.

    ``timeout`` is in seconds and covers the whole exchange, the body of the answer included.
    Redirects, cookies, environment proxies and decompression are off. Make it inside a running
    event loop; ``resolver`` is replaced by tests.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        timeout: float = 20.0,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._guard = guard
        self._timeout = timeout
        self._resolver = _GuardedResolver(guard, resolver or ThreadedResolver())
        connector = TCPConnector(resolver=self._resolver, socket_factory=self._open_socket, limit=0)
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            trust_env=False,
        )

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Exchange:
        """See :class:`Transport`."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                status, retry_after, text = await self._exchange(url, headers, body)
        except (TimeoutError, ClientError, OSError, ValueError) as error:
            kind, message = _explain(error, self._timeout)
            return Fault(kind=kind, message=message, duration_ms=_since_ms(begun))
        return Reply(
            status=status, retry_after=retry_after, body=text, duration_ms=_since_ms(begun)
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
        await self._resolver.close()
        await asyncio.sleep(0)  # aborted connections close their sockets in the next turn

    async def _exchange(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str | None, str]:
        async with self._session.post(
            url, data=body, headers={**_DEFAULT_HEADERS, **headers}, allow_redirects=False
        ) as response:
            kept = await _read_start(response)
            text = kept.decode("utf-8", "replace")
            return response.status, response.headers.get("retry-after"), text

    def _open_socket(self, address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, target = cast("_AddressInfo", address)
        refusal = self._guard.refusal(target[0])
        if refusal is not None:
            raise AddressRefused(refusal)
        return socket.socket(family, kind, protocol)


async def _read_start(response: ClientResponse) -> bytes:
    """Return the first bytes of the body; a longer one costs the peer its connection."""
    kept = bytearray()
    while len(kept) <= RESPONSE_KEPT_BYTES:
        chunk = await response.content.read(RESPONSE_KEPT_BYTES + 1 - len(kept))
        if not chunk:
            return bytes(kept)
        kept += chunk
    response.close()
    return bytes(kept[:RESPONSE_KEPT_BYTES])


def _since_ms(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


_CLAUSES: tuple[tuple[type[Exception], FaultKind, str], ...] = (
    (TimeoutError, FaultKind.TIMEOUT, "timed out after {timeout:g} s"),
    (ClientConnectorDNSError, FaultKind.NAME, "the host name does not resolve"),
    (ClientConnectorCertificateError, FaultKind.TLS, "the TLS certificate was not accepted"),
    (ClientSSLError, FaultKind.TLS, "the TLS handshake failed"),
    (ServerDisconnectedError, FaultKind.CONNECTION, "closed before an answer came"),
    (ConnectionRefusedError, FaultKind.CONNECTION, "connection refused"),
    (ConnectionResetError, FaultKind.CONNECTION, "connection reset"),
    (OSError, FaultKind.CONNECTION, "the host could not be reached"),
    (NonHttpUrlClientError, FaultKind.SETUP, "the URL cannot be used"),
    (ValueError, FaultKind.SETUP, "the URL cannot be used"),
    (ClientError, FaultKind.PROTOCOL, "the answer was not valid HTTP"),
)


def _explain(error: Exception, timeout: float) -> tuple[FaultKind, str]:
    """Return the kind of fault and a clause for people, without the URL or the body."""
    cause = error.os_error if isinstance(error, ClientConnectorError) else error
    if isinstance(cause, AddressRefused):
        return FaultKind.ADDRESS, f"address not allowed: {cause}"
    kind, clause = next(
        (kind, clause)
        for fault, kind, clause in _CLAUSES
        if isinstance(error, fault) or isinstance(cause, fault)
    )
    return kind, clause.format(timeout=timeout)
