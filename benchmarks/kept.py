"""Requests built in advance and sent over kept connections of loopback, as cheaply as can be.

Knows when an answer is whole. Must not know what is asked.
"""

from __future__ import annotations

import asyncio
import functools
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["post", "send_all"]

_TIMEOUT_SECONDS = 120
_SUCCESSES = (b"HTTP/1.1 200", b"HTTP/1.1 202")
_LENGTH = b"content-length: "


def post(target: str, fields: Mapping[str, str], body: bytes) -> bytes:
    """Return the bytes of a POST with these header fields."""
    every = {"host": "127.0.0.1", **fields, "content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in every.items())
    return f"POST {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def send_all(port: int, requests: list[bytes], *, connections: int) -> float:
    """Send the requests, the last first, and return how many were answered a second.

    Every connection sends its next request when the last is answered. Raises RuntimeError for an
    answer other than 200 and 202, and for a connection that the server closes.
    """
    loop = asyncio.get_running_loop()
    count = len(requests)
    ends = [loop.create_future() for _ in range(connections)]
    opened: list[_Connection] = []
    for end in ends:
        make = functools.partial(_Connection, requests, end)
        opened.append((await loop.create_connection(make, "127.0.0.1", port))[1])
    begun = time.perf_counter()
    for connection in opened:
        connection.start()
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await asyncio.gather(*ends)
        return count / (time.perf_counter() - begun)
    finally:
        for connection in opened:
            connection.close()


class _Connection(asyncio.Protocol):
    """Sends the next request when the last is answered."""

    def __init__(self, requests: list[bytes], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._done = done
        self._answer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def start(self) -> None:
        if self._requests:
            self._transport.write(self._requests.pop())
        elif not self._done.done():
            self._done.set_result(None)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.partition(_LENGTH)[2].partition(b"\r\n")[0]):
            return
        if not head.startswith(_SUCCESSES):
            self.connection_lost(RuntimeError(self._answer.decode("latin-1")))
            return
        self._answer = b""
        self.start()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or RuntimeError("the server closed the connection"))
