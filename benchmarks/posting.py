"""An endpoint that answers at once, and the two clients that post to it.

``python -m benchmarks.posting SOCKET`` is the endpoint, on the number of a listening socket, on
core 0. Knows one request's bytes and how fast a client sends it. Must not know databases.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import uvloop
from aiohttp import ClientSession, TCPConnector

from benchmarks.deliveries import SECRET, bodies
from benchmarks.measure import pin
from hookseal import Signer
from hookseal_sender.addresses import AddressGuard, parse_network
from hookseal_sender.http1 import DEFAULT_HEADERS
from hookseal_sender.outcome import Reply
from hookseal_sender.transport import HttpTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    Post: TypeAlias = Callable[[], Awaitable[None]]

__all__ = ["ANSWER", "Rate", "endpoint", "ours", "raw", "turn"]

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"
"""The least that an endpoint answers."""
_BODY = bodies["1 KiB"]
_BACKLOG = 512


class Rate(NamedTuple):
    """What a turn measured: requests a second, and microseconds of this process for each."""

    per_second: float
    cpu_us: float


async def turn(post: Post, in_flight: int, count: int) -> Rate:
    """Post so many times, always so many at once."""

    async def loop() -> None:
        for _ in range(count // in_flight):
            await post()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(loop() for _ in range(in_flight)))
    sent = count // in_flight * in_flight
    used = time.process_time() - cpu
    return Rate(sent / (time.perf_counter() - wall), used / sent * 1e6)


# --- the clients -------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def raw(url: str) -> AsyncIterator[Post]:
    """Give what posts and reads with a plain aiohttp session: the floor."""
    headers = {**DEFAULT_HEADERS, **_signed()}
    async with ClientSession(connector=TCPConnector(limit=0)) as session:

        async def post() -> None:
            async with session.post(url, data=_BODY, headers=headers) as response:
                await response.read()
                if response.status != 200:
                    raise RuntimeError(f"the server answered {response.status}")

        yield post


@contextlib.asynccontextmanager
async def ours(url: str) -> AsyncIterator[Post]:
    """Give what posts the same bytes with the sender's transport."""
    headers = _signed()
    transport = HttpTransport(AddressGuard([parse_network("127.0.0.0/8")]))

    async def post() -> None:
        exchange = await transport.send(url, headers, _BODY)
        if not isinstance(exchange, Reply) or exchange.status != 200:
            raise RuntimeError(f"the exchange failed: {exchange}")

    try:
        yield post
    finally:
        await transport.close()


def _signed() -> dict[str, str]:
    headers = Signer(SECRET).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", int(time.time()), _BODY)
    return headers | {name.replace("webhook", "svix"): text for name, text in headers.items()}


# --- the endpoint ------------------------------------------------------------------------------


@contextlib.contextmanager
def endpoint() -> Iterator[str]:
    """Give the URL of an endpoint that is a process on core 0."""
    with socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) as listener:
        number = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.posting", str(number)], pass_fds=[number]
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        finally:
            process.kill()
            process.wait()


class _Endpoint(asyncio.Protocol):
    """Answers every request on a connection with the same bytes."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            self._received = b""
            self._transport.write(ANSWER)


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].split()[0])


async def _serve(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Endpoint, sock=listener, backlog=_BACKLOG)
    await server.serve_forever()


def main() -> None:
    """Serve on the socket that was handed over, until killed."""
    pin(0)
    uvloop.run(_serve(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
