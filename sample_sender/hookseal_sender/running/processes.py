"""The three processes: everything in one, only the API, only deliveries.

Knows which parts each has, and in which order they end: first no new request, then the requests
under way, then the deliveries under way, then the database. Must not know flags or the environment.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from hookseal_sender.keyless import refuse_lost_key
from hookseal_sender.opening import stored
from hookseal_sender.running.listening import address_of, listen
from hookseal_sender.running.operations import operating
from hookseal_sender.running.pages import inspecting
from hookseal_sender.running.parts import make_api, working
from hookseal_sender.running.server import loop_factory, serving
from hookseal_sender.running.stopping import stop_on_signals
from hookseal_sender.running.words import how_to_stop, how_to_use
from hookseal_sender.store import migrations

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from hookseal_sender.config import Settings
    from hookseal_sender.running.operations import Operations
    from hookseal_sender.store import Store

    Say = Callable[[str], None]

__all__ = ["api", "serve", "worker"]


def serve(settings: Settings, say: Say) -> None:
    """Run API and worker on a database that is brought up to date first.

    Like :func:`api` and :func:`worker` it returns after SIGTERM or SIGINT, when what was under way
    has ended. ``say`` tells a person. Raises :class:`~hookseal_sender.errors.StartError` if it
    cannot start.
    """
    with closing(listen(settings.host, settings.port)) as listener:
        migrations.upgrade(settings.database_url)
        _run(_serve(settings, listener, say))


def api(settings: Settings, say: Say) -> None:
    """Run the API alone; see :func:`serve`. The schema must be the program's."""
    migrations.check(settings.database_url)
    with closing(listen(settings.host, settings.port)) as listener:
        _run(_api(settings, listener, say))


def worker(settings: Settings, say: Say) -> None:
    """Run deliveries alone; see :func:`serve`. The schema must be the program's."""
    migrations.check(settings.database_url)
    if settings.metrics_port == 0:
        _run(_worker(settings, None, say))
        return
    with closing(
        listen(settings.metrics_host, settings.metrics_port, setting="metrics-port")
    ) as listener:
        _run(_worker(settings, listener, say))


async def _serve(settings: Settings, listener: socket.socket, say: Say) -> None:
    async with _begun(settings) as (stop, store, ours), inspecting(settings) as playing:
        app = make_api(settings, store, ours, playing)
        async with working(settings, store, ours.observer, stop), serving(app, listener, stop):
            say(f"Hookseal sender on {address_of(listener)}\n{how_to_use(settings)}")
            await ours.until(stop)


async def _api(settings: Settings, listener: socket.socket, say: Say) -> None:
    async with _begun(settings) as (stop, store, ours), inspecting(settings) as playing:
        app = make_api(settings, store, ours, playing)
        async with serving(app, listener, stop):
            say(f"Hookseal sender's API on {address_of(listener)}\n{how_to_use(settings)}")
            await ours.until(stop)


async def _worker(settings: Settings, listener: socket.socket | None, say: Say) -> None:
    async with _begun(settings) as (stop, store, ours), AsyncExitStack() as parts:
        where = ""
        if listener is not None:  # before the worker, so that it answers while that drains
            await parts.enter_async_context(serving(Starlette(routes=ours.routes), listener, stop))
            where = f"; health and metrics on {address_of(listener)}"
        await parts.enter_async_context(working(settings, store, ours.observer, stop))
        say(f"Hookseal sender's worker delivers{where}\n{how_to_stop(settings)}")
        await ours.until(stop)


@asynccontextmanager
async def _begun(settings: Settings) -> AsyncGenerator[tuple[asyncio.Event, Store, Operations]]:
    await refuse_lost_key(settings)
    with stop_on_signals() as stop:
        async with stored(settings) as store, operating(store, settings.database_url) as ours:
            yield stop, store, ours


def _run(process: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(process)
