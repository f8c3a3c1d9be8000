"""One process that is the whole sender: API and worker, from settings.

Knows how the parts are put together, started and stopped. Must not know flags or the environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from typing import TYPE_CHECKING

import uvicorn

from hookseal_sender.addresses import AddressGuard
from hookseal_sender.api import Services, create_app
from hookseal_sender.errors import StartError
from hookseal_sender.keyfile import key_file, load_key
from hookseal_sender.retry import RetrySchedule
from hookseal_sender.store import SqlStore, database_file
from hookseal_sender.tokens import TokenKey
from hookseal_sender.transport import HttpTransport
from hookseal_sender.worker import Worker, WorkerPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.applications import Starlette
    from starlette.types import ASGIApp

    from hookseal_sender.config import Settings

__all__ = ["build_app", "serve", "token_key"]

_LEASE_MARGIN = 15.0  # seconds to record a result after the longest request


def token_key(settings: Settings) -> TokenKey:
    """Return the key that signs API tokens, made on first use.

    Raises :class:`~hookseal_sender.errors.StartError` if there is none and none can be made.
    """
    database = database_file(settings.database_url)
    if settings.token_key is not None:
        return TokenKey(settings.token_key.encode())
    return TokenKey(load_key(key_file(database)))


def build_app(settings: Settings, store: SqlStore) -> ASGIApp:
    """Return the API; while it runs, so does a worker, and at its end the store is closed."""
    guard = AddressGuard(settings.allow_networks)
    services = Services(store=store, tokens=token_key(settings), guard=guard, clock=time.time)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        transport = HttpTransport(guard, timeout=settings.request_timeout)
        worker = Worker(store, transport, _policy(settings))
        running = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await running
            await transport.close()
            await store.close()

    return create_app(services, lifespan=lifespan)


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT, letting what is under way end; ``say`` tells a person.

    Raises :class:`~hookseal_sender.errors.StartError` if it cannot start.
    """
    database = database_file(settings.database_url)
    listener = _listen(settings.host, settings.port)
    with contextlib.closing(listener):
        app = build_app(settings, SqlStore(settings.database_url))
        say(f"Hookseal sender on {_address(listener)}")
        say(f"  database    {database.resolve()}")
        say(f"  API token   hookseal-sender token --database-url sqlite:///{database.resolve()}")
        say("  stop        Ctrl-C")
        config = uvicorn.Config(app, lifespan="on", log_level="warning", access_log=False)
        # uvicorn raises the signal again once it has stopped; by then it has been obeyed.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        uvicorn.Server(config).run(sockets=[listener])


def _policy(settings: Settings) -> WorkerPolicy:
    return WorkerPolicy(
        schedule=RetrySchedule(delays=settings.retry_schedule),
        max_in_flight=settings.max_in_flight,
        max_in_flight_per_endpoint=settings.max_in_flight_per_endpoint,
        lease=settings.request_timeout + _LEASE_MARGIN,
        stop_grace=settings.request_timeout,
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise StartError(
            f"cannot listen on {host} port {port}: {error.strerror}; "
            "is another process there? Choose another with --host and --port"
        ) from None


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
