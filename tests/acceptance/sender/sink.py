"""An endpoint of every kind: python -m tests.acceptance.sender.sink PORT.

It verifies nothing and counts everything. A delivery's path says how it is answered; a GET asks
what came.

    /ok/NAME               200, at once
    /keep/NAME             200, and the request is kept as it came
    /timed/NAME            200, and how long ago the payload was "sent" is kept
    /status/CODE/NAME      that status
    /slow/SECONDS/NAME     200, after that time
    /hang/NAME             no answer, the connection stays open; timed likewise
    /drip/NAME             200, and a body of which a byte comes every tenth of a second
    /huge/NAME             200, and a body of a gibibyte
    /cut/NAME              200, and the connection is closed in the middle of the body
    /drop/NAME             the connection is closed
    /babble/NAME           what is not HTTP

    GET /total             {"requests", "distinct"}: all of them, and those not seen before
    GET /received          {path: {webhook-id: how often}}
    GET /kept/NAME         [{"headers", "body"}] of /keep/NAME
    GET /seconds/NAME      seconds between "sent" and arrival at /timed/NAME or /hang/NAME
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import uvloop

_ID = re.compile(rb"\r\nwebhook-id: *([^\r]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_DRIP_SECONDS = 0.1
_HUGE_CHUNKS = 16 * 1024
_CHUNK = b"x" * 64 * 1024


class Records:
    """What came."""

    def __init__(self) -> None:
        self.requests = 0
        self.distinct = 0
        self.received: dict[str, Counter[str]] = defaultdict(Counter)
        self.kept: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def count(self, path: str, event_id: str) -> None:
        counts = self.received[path]
        counts[event_id] += 1
        self.requests += 1
        self.distinct += counts[event_id] == 1

    def tell(self, path: str) -> object:
        kind, _, name = path.strip("/").partition("/")
        if kind == "total":
            return {"requests": self.requests, "distinct": self.distinct}
        if kind == "received":
            return self.received
        return {"kept": self.kept, "seconds": self.seconds}[kind].get(name, [])


def _answer(status: int, body: bytes = b"ok") -> bytes:
    head = f"HTTP/1.1 {status} Status\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


class Connection(asyncio.Protocol):
    """One connection, kept alive, with one request at a time."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._received = b""
        self._flows = asyncio.Event()
        self._flows.set()
        self._sending: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, _error: Exception | None) -> None:
        if self._sending:
            self._sending.cancel()

    def pause_writing(self) -> None:
        self._flows.clear()

    def resume_writing(self) -> None:
        self._flows.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = _LENGTH.search(head)
        if length is None or len(body) >= int(length[1]):
            self._received = b""
            self._handle(head, body)

    def _handle(self, head: bytes, body: bytes) -> None:
        method, path, _ = head.decode("latin-1").split(" ", 2)
        if method == "GET":
            told = json.dumps(self._records.tell(path)).encode()
            self._transport.write(_answer(200, told))
            return
        event_id = _ID.search(head)
        self._records.count(path, event_id[1].decode() if event_id else "")
        kind, _, name = path.strip("/").partition("/")
        getattr(self, f"_{kind}", self._unknown)(name, head, body)

    def _unknown(self, *_: Any) -> None:
        self._transport.write(_answer(404))

    def _ok(self, *_: Any) -> None:
        self._transport.write(_answer(200))

    def _keep(self, name: str, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")[1:]
        headers = dict(line.split(": ", 1) for line in lines)
        request = {"headers": {key.lower(): value for key, value in headers.items()}}
        self._records.kept[name].append(request | {"body": body.decode()})
        self._ok()

    def _timed(self, *request: Any) -> None:
        self._hang(*request)
        self._ok()

    def _status(self, name: str, *_: Any) -> None:
        self._transport.write(_answer(int(name.partition("/")[0])))

    def _slow(self, name: str, *_: Any) -> None:
        asyncio.get_running_loop().call_later(float(name.partition("/")[0]), self._ok)

    def _hang(self, name: str, _head: bytes, body: bytes) -> None:
        sent = json.loads(body).get("sent", 0)
        self._records.seconds[name].append(time.time() - sent)

    def _cut(self, *_: Any) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nbegun")
        self._transport.close()

    def _drop(self, *_: Any) -> None:
        self._transport.close()

    def _babble(self, *_: Any) -> None:
        self._transport.write(b"220 mail.example.com ESMTP\r\n\r\n")
        self._transport.close()

    def _drip(self, *_: Any) -> None:
        self._send(b"x", 1000, _DRIP_SECONDS)

    def _huge(self, *_: Any) -> None:
        self._send(_CHUNK, _HUGE_CHUNKS, 0)

    def _send(self, chunk: bytes, count: int, pause: float) -> None:
        """Answer 200 with a body that comes chunk after chunk."""
        length = len(chunk) * count
        self._transport.write(f"HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n".encode())

        async def write() -> None:
            for _ in range(count):
                await self._flows.wait()
                self._transport.write(chunk)
                await asyncio.sleep(pause)

        self._sending = asyncio.get_running_loop().create_task(write())


async def _serve(port: int) -> None:
    connection: Callable[[], Connection] = functools.partial(Connection, Records())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
