"""Serving the endpoint over HTTPS, and over plain HTTP beside it to see that refused.

Knows uvicorn. Must not know what is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from hookseal.asgi import App

__all__ = ["Listen", "serve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where to listen: plainly, or over TLS where there is a certificate."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


class _Server(uvicorn.Server):
    """A server that leaves signals to :func:`serve`, which may run two."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def serve(app: App, listens: list[Listen], announce: Callable[[Listen], None]) -> None:
    """Serve ``app`` until SIGINT or SIGTERM, telling each address once it is listened on.

    Raises OSError where a port or a certificate cannot be had.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(_bind(listen)) for listen in listens]
        servers = [_server(app, listen) for listen in listens]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _stop, servers)
        for listen in listens:
            announce(listen)
        await asyncio.gather(
            *(server.serve([bound]) for server, bound in zip(servers, sockets, strict=True))
        )


def _stop(servers: list[_Server]) -> None:
    for server in servers:
        server.should_exit = True


def _bind(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    return socket.create_server((listen.host, listen.port), family=family)


def _server(app: App, listen: Listen) -> _Server:
    config = uvicorn.Config(
        app,
        log_level="warning",
        proxy_headers=False,  # whom to trust is the middleware's setting
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
    )
    config.load()  # which reads the certificate, so that a wrong one is said at once
    return _Server(config)
