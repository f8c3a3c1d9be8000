"""Messages a second published over HTTP, one a request, by 64 clients at once.

``python -m benchmarks.publish`` prints the table, shorter and rougher with ``--quick``. The API and
its SQLite store are one process on one core, the clients another on the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import uvicorn
import uvloop

from benchmarks.deliveries import accept
from benchmarks.measure import pin, progress
from benchmarks.report import Table, Wanted
from hookseal import generate_secret
from hookseal_sender.addresses import AddressGuard
from hookseal_sender.api import Services, create_app
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    ApplicationDraft,
    EndpointDraft,
    Scope,
)
from hookseal_sender.store import migrations, open_store
from hookseal_sender.tokens import TokenKey
from hookseal_sender.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Generator

    from starlette.types import ASGIApp

__all__ = ["run"]

_CLIENTS = 64
_WANTED = 2_500
_TIMEOUT_SECONDS = 120
_KEY = TokenKey(b"benchmark" * 4)
_BODY = json.dumps({"eventType": "invoice.paid", "payload": {"text": "x" * 960}}).encode()
_ROWS = {
    "bare": "bare ASGI callable, same requests",
    "plain": "publish",
    "lean": "publish, with_content=false",
    "keyed": "publish, with_content=false and an Idempotency-Key, as the SDKs do",
}


class _Turn(NamedTuple):
    """What one turn measured: requests a second, and microseconds of the server's processor."""

    per_second: float
    cpu_us: float


def run(*, quick: bool) -> list[Table]:
    """Measure each kind of publish, taking turns."""
    count, rounds = (4_000, 3) if quick else (20_000, 7)
    turns: dict[str, list[_Turn]] = {variant: [] for variant in _ROWS}
    with _serving("bare") as bare, _serving("api") as api:
        for number in range(rounds + 1):
            progress(f"  round {number} of {rounds}" if number else "  warming up")
            for variant, of in turns.items():
                turn = _turn(bare if variant == "bare" else api, variant, count)
                if number:
                    of.append(turn)
    return [_table(turns, f"{rounds} rounds of {count:,}")]


def _table(turns: dict[str, list[_Turn]], rounds: str) -> Table:
    rates = {
        variant: statistics.median(each.per_second for each in of) for variant, of in turns.items()
    }
    costs = {
        variant: statistics.median(each.cpu_us for each in of) for variant, of in turns.items()
    }
    return Table(
        title=f"publish: uvicorn with the SQLite store, one core, 1 KiB, {_CLIENTS} clients",
        columns=["messages/s", "server CPU us each"],
        rows=[
            (name, [f"{rates[variant]:,.0f}", f"{costs[variant]:.0f}"])
            for variant, name in _ROWS.items()
        ],
        wanted=[
            Wanted(
                what=f"messages/s a core, {what}",
                measured=rates[variant],
                wanted=_WANTED,
                at_least=True,
            )
            for variant, what in (("plain", "single publishes"), ("keyed", "the SDKs' with a key"))
        ],
        note=f"{rounds} each over kept connections; one endpoint is subscribed, so each message "
        "and its delivery are rows, durable when the answer comes",
    )


# The server.


class _Server(NamedTuple):
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Return the processor time it has used, nan where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("nan")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _serving(kind: str) -> Generator[_Server]:
    command = [sys.executable, "-m", "benchmarks.publish", "serve", kind]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([*command, folder], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield _Server(int(process.stdout.readline()), process.pid)
        finally:
            process.kill()
            process.wait()


def _serve(kind: str, folder: str) -> None:
    pin(1)
    uvloop.run(_serve_api(folder) if kind == "api" else _listen(accept))


async def _serve_api(folder: str) -> None:
    url = f"sqlite:///{folder}/publish.db"
    migrations.upgrade(url)
    store = open_store(url, Vault([b"benchmark" * 4]))
    application = await store.create_application(
        DEFAULT_ORGANISATION, ApplicationDraft(name="tenant", uid="tenant")
    )
    endpoint = EndpointDraft(url="https://example.com/hook", name="endpoint")
    await store.create_endpoint(application.id, endpoint, generate_secret())
    services = Services(
        store=store, tokens=_KEY, guard=AddressGuard(), clock=time.time, rate_limit="1000000/second"
    )
    await _listen(create_app(services))


async def _listen(app: ASGIApp) -> None:
    config = uvicorn.Config(
        app, port=0, http="httptools", lifespan="off", access_log=False, log_level="warning"
    )
    server = _Announcing(config)
    await server.serve()


class _Announcing(uvicorn.Server):
    """Prints its port once it listens."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)


# The clients.


class _Client(asyncio.Protocol):
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
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        if not head.startswith((b"HTTP/1.1 202", b"HTTP/1.1 200")):
            self.connection_lost(RuntimeError(self._answer.decode("latin-1")))
            return
        self._answer = b""
        self.start()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or RuntimeError("the server closed the connection"))


def _requests(variant: str, count: int) -> list[bytes]:
    token = _KEY.issue(Scope(org_id=DEFAULT_ORGANISATION), now=int(time.time()))
    query = "" if variant in {"bare", "plain"} else "?with_content=false"
    fields = {
        "host": "127.0.0.1",
        "user-agent": "svix-libs/2.9.1/python",
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "content-length": str(len(_BODY)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    head = f"POST /api/v1/app/tenant/msg{query} HTTP/1.1\r\n{lines}"
    run_id = uuid.uuid4().hex
    keys = (f"idempotency-key: auto_{run_id}{number}\r\n" for number in range(count))
    return [f"{head}{key if variant == 'keyed' else ''}\r\n".encode() + _BODY for key in keys]


def _turn(server: _Server, variant: str, count: int) -> _Turn:
    before = server.cpu_seconds()
    command = [sys.executable, "-m", "benchmarks.publish", "load", str(server.port)]
    done = subprocess.run(
        [*command, variant, str(count)], stdout=subprocess.PIPE, text=True, check=True
    )
    return _Turn(float(done.stdout), (server.cpu_seconds() - before) / count * 1e6)


def _load(port: str, variant: str, count: str) -> None:
    pin(0)
    print(uvloop.run(_rate(int(port), _requests(variant, int(count)))))


async def _rate(port: int, requests: list[bytes]) -> float:
    loop = asyncio.get_running_loop()
    count = len(requests)
    ends = [loop.create_future() for _ in range(_CLIENTS)]
    clients: list[_Client] = []
    for end in ends:
        make = functools.partial(_Client, requests, end)
        clients.append((await loop.create_connection(make, "127.0.0.1", port))[1])
    start = time.perf_counter()
    for client in clients:
        client.start()
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        await asyncio.gather(*ends)
    return count / (time.perf_counter() - start)


def main() -> None:
    """Play the part that was named, or measure and print the table."""
    match sys.argv[1:]:
        case ["serve", kind, folder]:
            _serve(kind, folder)
        case ["load", port, variant, count]:
            _load(port, variant, count)
        case arguments:
            for table in run(quick="--quick" in arguments):
                print(table)


if __name__ == "__main__":
    main()
