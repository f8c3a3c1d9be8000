"""A load client: requests built in advance, sent over kept connections of loopback only.

``python -m benchmarks.load PORT COUNT`` reads a secret on stdin and prints requests a second.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import time
import uuid

import uvloop

from benchmarks.deliveries import bodies
from benchmarks.measure import pin
from hookseal import Signer

_CONNECTIONS = 16
_TIMEOUT_SECONDS = 60
_BODY = bodies["1 KiB"]


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

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if self._answer.endswith(b"\r\n\r\nok"):
            if not self._answer.startswith(b"HTTP/1.1 200"):
                self._fail(self._answer.decode("latin-1"))
                return
            self._answer = b""
            self.start()
        elif b"\r\n\r\n{" in self._answer:
            self._fail(self._answer.decode("latin-1"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the server closed the connection: {exc}")

    def _fail(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(RuntimeError(why))


def _requests(secret: str, count: int) -> list[bytes]:
    signer, run, now = Signer(secret), uuid.uuid4().hex, int(time.time())
    requests = []
    for number in range(count):
        fields = {
            "host": "127.0.0.1",
            "user-agent": "Sender/1.0",
            "content-type": "application/json",
            "content-length": str(len(_BODY)),
            **signer.headers(f"msg_{run}{number}", now, _BODY),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        requests.append(f"POST /webhooks HTTP/1.1\r\n{lines}\r\n".encode() + _BODY)
    return requests


async def _rate(port: int, requests: list[bytes]) -> float:
    loop = asyncio.get_running_loop()
    count = len(requests)
    ends = [loop.create_future() for _ in range(_CONNECTIONS)]
    connections: list[_Connection] = []
    for end in ends:
        make = functools.partial(_Connection, requests, end)
        connections.append((await loop.create_connection(make, "127.0.0.1", port))[1])
    start = time.perf_counter()
    for connection in connections:
        connection.start()
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        await asyncio.gather(*ends)
    return count / (time.perf_counter() - start)


def main() -> None:
    """Send the requests and print the rate."""
    pin(0)
    port, count = (int(argument) for argument in sys.argv[1:])
    requests = _requests(sys.stdin.read().strip(), count)
    print(uvloop.run(_rate(port, requests)))


if __name__ == "__main__":
    main()
