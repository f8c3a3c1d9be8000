"""What a delivery's request costs beside a raw aiohttp post of the same bytes to the same server.

``python -m benchmarks.transport`` prints the table, shorter and rougher with ``--quick``; with the
number of a listening socket it is that server.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import uvloop
from aiohttp import ClientSession, TCPConnector

from benchmarks.deliveries import SECRET, bodies
from benchmarks.measure import pin, progress
from benchmarks.report import Table, Wanted
from hookseal import Signer
from hookseal_sender.addresses import AddressGuard, parse_network
from hookseal_sender.http1 import DEFAULT_HEADERS
from hookseal_sender.outcome import Reply
from hookseal_sender.transport import HttpTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    Post: TypeAlias = Callable[[], Awaitable[None]]

__all__ = ["run"]

_BODY = bodies["1 KiB"]
_IN_FLIGHT = (64, 200)
_BACKLOG = 512
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"


class _Rate(NamedTuple):
    """What one turn measured: requests a second, and microseconds of processor time each."""

    per_second: float
    cpu_us: float


def run(*, quick: bool) -> list[Table]:
    """Measure both clients at each number of requests in flight, taking turns."""
    count, rounds = (6_000, 3) if quick else (20_000, 7)
    with _serving() as port:
        return [_compare(port, in_flight, count, rounds) for in_flight in _IN_FLIGHT]


def _compare(port: int, in_flight: int, count: int, rounds: int) -> Table:
    progress(f"  {in_flight} in flight")
    turns = uvloop.run(_turns(f"http://127.0.0.1:{port}/hook", in_flight, count, rounds))
    raw, ours = (
        _Rate(max(each.per_second for each in of), min(each.cpu_us for each in of)) for of in turns
    )
    ratio = ours.per_second / raw.per_second
    return Table(
        title=f"transport: POST 1 KiB, ten headers, {in_flight} in flight, requests a second",
        columns=["best", "of raw", "client CPU us each"],
        rows=[
            ("raw aiohttp post and read", [f"{raw.per_second:,.0f}", "1.00", f"{raw.cpu_us:.1f}"]),
            ("HttpTransport", [f"{ours.per_second:,.0f}", f"{ratio:.2f}", f"{ours.cpu_us:.1f}"]),
        ],
        wanted=[
            Wanted(what="share of the raw rate", measured=ratio, wanted=0.95, at_least=True),
        ],
        note=f"{rounds} turns of {count:,} requests each, uvloop, the server on its own core",
    )


async def _turns(
    url: str, in_flight: int, count: int, rounds: int
) -> tuple[list[_Rate], list[_Rate]]:
    figures: tuple[list[_Rate], list[_Rate]] = ([], [])
    async with _raw(url) as raw, _ours(url) as ours:
        for post in (raw, ours):
            await _turn(post, in_flight, count // 4)  # opens the connections
        for _ in range(rounds):
            for post, rates in zip((raw, ours), figures, strict=True):
                rates.append(await _turn(post, in_flight, count))
    return figures


async def _turn(post: Post, in_flight: int, count: int) -> _Rate:
    async def loop() -> None:
        for _ in range(count // in_flight):
            await post()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(loop() for _ in range(in_flight)))
    sent = count // in_flight * in_flight
    used = time.process_time() - cpu
    return _Rate(sent / (time.perf_counter() - wall), used / sent * 1e6)


def _signed() -> dict[str, str]:
    headers = Signer(SECRET).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", int(time.time()), _BODY)
    return headers | {name.replace("webhook", "svix"): text for name, text in headers.items()}


@contextlib.asynccontextmanager
async def _raw(url: str) -> AsyncIterator[Post]:
    headers = {**DEFAULT_HEADERS, **_signed()}
    async with ClientSession(connector=TCPConnector(limit=0)) as session:

        async def post() -> None:
            async with session.post(url, data=_BODY, headers=headers) as response:
                await response.read()
                if response.status != 200:
                    raise RuntimeError(f"the server answered {response.status}")

        yield post


@contextlib.asynccontextmanager
async def _ours(url: str) -> AsyncIterator[Post]:
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


class _Server(asyncio.Protocol):
    """Answers every request on a connection with the same bytes, as cheaply as can be."""

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
            self._transport.write(_ANSWER)


@functools.cache
def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].split()[0])


async def _serve(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Server, sock=listener, backlog=_BACKLOG)
    await server.serve_forever()


@contextlib.contextmanager
def _serving() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) as listener:
        number = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.transport", str(number)], pass_fds=[number]
        )
        try:
            yield listener.getsockname()[1]
        finally:
            process.kill()
            process.wait()


def main() -> None:
    """Print the table, or serve on the socket that was handed over."""
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        pin(0)
        uvloop.run(_serve(socket.socket(fileno=int(sys.argv[1]))))
    pin(1)
    for table in run(quick="--quick" in sys.argv):
        print(f"{table}\n")


if __name__ == "__main__":
    main()
