"""Messages a second published over HTTP, one a request, by 64 clients at once.

``python -m benchmarks.publish serve KIND DATABASE_URL`` is a server on core 1: the API with its
SQLite store, or a bare ASGI app. ``python -m benchmarks.publish load PORT VARIANT COUNT`` are the
clients, a process on core 0 that prints messages a second.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import uvicorn
import uvloop

from benchmarks.databases import sqlite
from benchmarks.deliveries import accept
from benchmarks.kept import post, send_all
from benchmarks.measure import pin, progress
from benchmarks.processes import Listening
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


# --- the server --------------------------------------------------------------------------------


@contextlib.contextmanager
def _serving(kind: str) -> Generator[Listening]:
    command = [sys.executable, "-m", "benchmarks.publish", "serve", kind]
    with sqlite() as database_url:
        process = subprocess.Popen([*command, database_url], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield Listening(int(process.stdout.readline()), process.pid)
        finally:
            process.kill()
            process.wait()


def _serve(kind: str, database_url: str) -> None:
    pin(1)
    uvloop.run(_serve_api(database_url) if kind == "api" else _listen(accept))


async def _serve_api(database_url: str) -> None:
    migrations.upgrade(database_url)
    store = open_store(database_url, Vault([b"benchmark" * 4]))
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


# --- the clients -------------------------------------------------------------------------------


def _requests(variant: str, count: int) -> list[bytes]:
    token = _KEY.issue(Scope(org_id=DEFAULT_ORGANISATION), now=int(time.time()))
    query = "" if variant in {"bare", "plain"} else "?with_content=false"
    fields = {
        "user-agent": "svix-libs/2.9.1/python",
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
    }
    target, run_id = f"/api/v1/app/tenant/msg{query}", uuid.uuid4().hex
    keys = ({"idempotency-key": f"auto_{run_id}{number}"} for number in range(count))
    return [post(target, fields | key if variant == "keyed" else fields, _BODY) for key in keys]


def _turn(server: Listening, variant: str, count: int) -> _Turn:
    before = server.cpu_seconds()
    command = [sys.executable, "-m", "benchmarks.publish", "load", str(server.port)]
    done = subprocess.run(
        [*command, variant, str(count)], stdout=subprocess.PIPE, text=True, check=True
    )
    return _Turn(float(done.stdout), (server.cpu_seconds() - before) / count * 1e6)


def _load(port: str, variant: str, count: str) -> None:
    pin(0)
    requests = _requests(variant, int(count))
    print(uvloop.run(send_all(int(port), requests, connections=_CLIENTS)))


def main() -> None:
    """Play the part that was named."""
    match sys.argv[1:]:
        case ["serve", kind, database_url]:
            _serve(kind, database_url)
        case ["load", port, variant, count]:
            _load(port, variant, count)
        case other:
            raise SystemExit(f"no such part: {' '.join(other)}")


if __name__ == "__main__":
    main()
