"""Serving HTTP for as long as a block runs.

Knows uvicorn. Must not know what is served; signals are somebody else's.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import uvicorn

from hookseal_receiver.play.server import FastClosableProtocol

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Callable, Generator

    from starlette.types import ASGIApp

__all__ = ["loop_factory", "serving"]

_GRACE = 30  # seconds that a request under way may still take


class _Server(uvicorn.Server):
    """A server that tells when it accepts connections and leaves signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket, stop: asyncio.Event
) -> AsyncGenerator[None]:
    """Serve ``app`` while the block runs; at its end the requests under way are finished first.

    Should the server end by itself, ``stop`` is set.
    """
    server = _Server(_config(app))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    running.add_done_callback(lambda _task: stop.set())
    running.add_done_callback(lambda _task: server.accepting.set())
    await server.accepting.wait()
    try:
        yield
    finally:
        server.should_exit = True
        await running


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest event loop that is installed: uvloop's, else asyncio's."""
    return uvicorn.Config("", log_config=None).get_loop_factory()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=FastClosableProtocol,  # an inspector may be told to close without an answer
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
