"""The only place that sends to a customer.

Knows one exchange: the request's bytes, the time it may take, what is kept of the answer, and how
each way to fail is called. Must not know signatures, schedules or storage.
"""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, cast

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientOSError,
    ClientPayloadError,
    ClientRequest,
    ClientSSLError,
    InvalidURL,
    ServerDisconnectedError,
    StreamReader,
)
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import ContentLengthError
from yarl import URL

from hookseal_sender.connections import AddressRefused, Link, Pool, StaleConnection
from hookseal_sender.http1 import request_head, request_line
from hookseal_sender.outcome import Exchange, Fault, FaultKind, Reply
from hookseal_sender.resolving import NameLate, Resolver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractResolver
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage

    from hookseal_sender.addresses import AddressGuard

    Answer: TypeAlias = tuple[RawResponseMessage, bytes]
    _Data: TypeAlias = tuple[bytes, bytes]  # head and body, not put together: a body may be large

__all__ = [
    "HEADERS_KEPT",
    "HEADERS_KEPT_BYTES",
    "RESPONSE_KEPT_BYTES",
    "HttpTransport",
    "Transport",
]

RESPONSE_KEPT_BYTES = 20_000
"""Bytes of an answer's body that are kept; what follows is not read."""
HEADERS_KEPT = 50
"""Header fields of an answer that are kept, at most."""
HEADERS_KEPT_BYTES = 8192
"""Bytes of names and values of those fields, at most."""
_TARGETS_KEPT = 4096
_TAKEN_AT_ONCE = 16 * 1024  # by the buffer of an idle socket: tcp(7), tcp_wmem
_SCHEMES = frozenset(("http", "https"))


class Transport(Protocol):
    """Makes one request. Tests bring their own."""

    async def send(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 # it differs by endpoint
    ) -> Exchange:
        """POST ``body`` and return the answer or why there was none; never raises for a peer.

        ``timeout`` is in seconds, None for the transport's own.
        """
        ...


class _Target(NamedTuple):
    """A URL in the two forms an exchange needs."""

    request: ClientRequest  # what the pool knows an origin by
    line: str


class HttpTransport:
    """Sends over HTTP/1.1, keeping connections alive per origin.

    ``timeout`` is in seconds and covers the whole exchange: connecting, the request, and the answer
    with its body. Nothing is followed, kept between requests, proxied or unpacked. Make it inside
    a running event loop; ``resolver`` is replaced by tests.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        timeout: float = 20.0,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._timeout = timeout
        self._pool = Pool(guard, resolver or Resolver())
        self._target = lru_cache(maxsize=_TARGETS_KEPT)(_make_target)

    async def send(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 # it differs by endpoint
    ) -> Exchange:
        """See :class:`Transport`."""
        limit = self._timeout if timeout is None else timeout
        begun = time.monotonic()
        try:
            target = self._target(url)
            head = request_head(target.line, headers, len(body))
            async with asyncio.timeout(limit):
                message, kept = await self._exchange(target.request, (head, body))
        except (TimeoutError, ClientError, HttpProcessingError, OSError, ValueError) as error:
            kind, clause = _explain(error, limit)
            return Fault(kind=kind, message=clause, duration_ms=_since_ms(begun))
        return Reply(
            status=message.code,
            body=kept.decode("utf-8", "replace").replace("\0", "\ufffd"),  # as PostgreSQL has none
            duration_ms=_since_ms(begun),
            retry_after=_ascii(message.headers.get("retry-after")),
            headers=_kept_fields(message.raw_headers),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()
        await asyncio.sleep(0)  # aborted connections close their sockets in the next turn

    async def _exchange(self, request: ClientRequest, data: _Data) -> Answer:
        """Make the request, a second time if a kept connection turns out to be stale."""
        connection = await self._pool.take(request)
        try:
            return await _exchange_on(connection, data)
        except StaleConnection:
            return await _exchange_on(await self._pool.take_fresh(request), data)


def _make_target(url: str) -> _Target:
    try:
        parsed = URL(url)
        if parsed.scheme not in _SCHEMES or "@" in parsed.raw_authority or not parsed.port:
            raise InvalidURL(url)
        line = request_line(parsed.raw_path_qs, parsed.host_port_subcomponent or "")
        return _Target(ClientRequest("POST", parsed, loop=asyncio.get_running_loop()), line)
    except ValueError:
        raise InvalidURL(url) from None


async def _exchange_on(connection: Connection, data: _Data) -> Answer:
    link = cast("Link", connection.protocol)
    try:
        transport = link.begin()
        transport.writelines(data)
        message, payload = await link.answer()
        kept = await _read_start(payload)
        if _may_be_unsent(transport, data[1], message.code):
            link.abort()  # answered before all was sent: the next request must not follow the rest
            connection.close()
    except BaseException:
        link.abort()
        connection.close()
        raise
    connection.release()  # closes it unless the answer was read to its end
    return message, kept


def _may_be_unsent(transport: asyncio.Transport, body: bytes, status: int) -> bool:
    """Tell whether the answer may have come before all of the request was sent.

    TLS leaves what it encrypted to a transport below, of which nothing tells how much that holds:
    there a refusal of what is more than a socket takes at once counts as early.
    """
    if transport.get_write_buffer_size():
        return True
    hidden = len(body) > _TAKEN_AT_ONCE and transport.get_extra_info("sslcontext") is not None
    return hidden and status >= HTTPStatus.MULTIPLE_CHOICES


async def _read_start(payload: StreamReader) -> bytes:
    """Return the first bytes of the body; a longer one costs the peer its connection."""
    if payload.is_eof():
        return payload.read_nowait(RESPONSE_KEPT_BYTES)
    kept = bytearray()
    while len(kept) <= RESPONSE_KEPT_BYTES:
        chunk = await payload.read(RESPONSE_KEPT_BYTES + 1 - len(kept))
        if not chunk:
            return bytes(kept)
        kept += chunk
    return bytes(kept[:RESPONSE_KEPT_BYTES])


def _kept_fields(raw: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[str, str], ...]:
    fields: list[tuple[str, str]] = []
    room = HEADERS_KEPT_BYTES
    for name, value in raw[:HEADERS_KEPT]:
        room -= len(name) + len(value)
        if room < 0:
            break
        fields.append((name.decode("latin-1"), value.decode("latin-1")))
    return tuple(fields)


def _ascii(text: str | None) -> str | None:
    return text if text is None or text.isascii() else None


def _since_ms(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


_CLAUSES: tuple[tuple[type[Exception], FaultKind, str], ...] = (
    (TimeoutError, FaultKind.TIMEOUT, "timed out after {timeout:g} s"),
    (NameLate, FaultKind.NAME, "the host name was not resolved in time"),
    (ClientConnectorDNSError, FaultKind.NAME, "the host name does not resolve"),
    (ClientConnectorCertificateError, FaultKind.TLS, "the TLS certificate was not accepted"),
    (ClientSSLError, FaultKind.TLS, "the TLS handshake failed"),
    (ServerDisconnectedError, FaultKind.CONNECTION, "closed before an answer came"),
    (ContentLengthError, FaultKind.CONNECTION, "closed in the middle of the answer"),
    (ConnectionRefusedError, FaultKind.CONNECTION, "connection refused"),
    (ConnectionResetError, FaultKind.CONNECTION, "connection reset"),
    (OSError, FaultKind.CONNECTION, "the host could not be reached"),
    (InvalidURL, FaultKind.SETUP, "the URL cannot be used"),
    (ValueError, FaultKind.SETUP, "a header cannot be used"),
    (ClientError, FaultKind.PROTOCOL, "the answer was not valid HTTP"),
    (HttpProcessingError, FaultKind.PROTOCOL, "the answer was not valid HTTP"),
)


def _explain(error: Exception, timeout: float) -> tuple[FaultKind, str]:
    """Return the kind of fault and a clause for people, without the URL or the body."""
    cause = _cause(error)
    if isinstance(cause, AddressRefused):
        return FaultKind.ADDRESS, f"address not allowed: {cause}"
    kind, clause = next(
        (kind, clause)
        for fault, kind, clause in _CLAUSES
        if isinstance(error, fault) or isinstance(cause, fault)
    )
    return kind, clause.format(timeout=timeout)


def _cause(error: Exception) -> BaseException:
    """Return what lies behind an error of aiohttp's, where that says more."""
    if isinstance(error, ClientConnectorError):
        return error.os_error
    if isinstance(error, ClientOSError | ClientPayloadError):
        return error.__cause__ or error
    return error
