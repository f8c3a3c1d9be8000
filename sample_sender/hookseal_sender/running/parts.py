"""The parts of a process, made from settings and let go of in order.

Knows which part needs which setting. Must not know which process has which part.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from hookseal_sender.addresses import AddressGuard
from hookseal_sender.api import Services, create_app
from hookseal_sender.keys import token_key
from hookseal_sender.retry import RetrySchedule
from hookseal_sender.running.housekeeping import Housekeeper, keeping_house
from hookseal_sender.running.pages import inspectors_of, links_of, page_routes
from hookseal_sender.to_play import ANYWHERE, ToPlay
from hookseal_sender.transport import HttpTransport
from hookseal_sender.worker import Worker, WorkerPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import ASGIApp

    from hookseal_sender.config import Settings
    from hookseal_sender.console import Playing
    from hookseal_sender.observe import Observer
    from hookseal_sender.running.operations import Operations
    from hookseal_sender.store import Store

__all__ = ["make_api", "working"]

_LEASE_MARGIN = 15.0  # seconds to record a result after the longest request


def make_api(
    settings: Settings, store: Store, operations: Operations, playing: Playing | None = None
) -> ASGIApp:
    """Return the API on ``store``; beside it the routes of ``operations``, the console, Play."""
    services = Services(
        store=store,
        tokens=token_key(settings),
        guard=AddressGuard(settings.allow_networks),
        clock=time.time,
        default_plan=settings.default_plan,
        https_only=settings.https_only,
        public_url=settings.public_url,
        rate_limit=settings.api_rate_limit,
        max_body=settings.max_body,
        contact=settings.contact,
        observer=operations.observer,
        inspectors=inspectors_of(settings),
        links=links_of(settings),
    )
    if playing is not None:
        services = replace(services, follow=playing.follow)
    pages = page_routes(settings, services, playing)
    return create_app(services, routes=[*operations.routes, *pages])


@asynccontextmanager
async def working(
    settings: Settings, store: Store, observer: Observer, stop: asyncio.Event
) -> AsyncGenerator[None]:
    """Deliver and keep house while the block runs; requests under way are finished or given back.

    Nothing is begun once ``stop`` is set, which is so should the worker end by itself.
    """
    guard = AddressGuard(settings.allow_networks)
    transport = ToPlay(
        HttpTransport(guard, timeout=settings.request_timeout),
        HttpTransport(AddressGuard(ANYWHERE), timeout=settings.request_timeout),
        inspectors_of(settings),
    )
    worker = Worker(store, transport, _policy(settings), observer=observer)
    housekeeper = Housekeeper(store, observer, retention=settings.retention)
    async with keeping_house(housekeeper):
        running = asyncio.create_task(worker.run())
        running.add_done_callback(lambda _task: stop.set())
        stopping = asyncio.create_task(_stop_upon(stop, worker))
        try:
            yield
        finally:
            worker.stop()
            try:
                await running
            finally:
                await stopping
                await transport.close()


async def _stop_upon(stop: asyncio.Event, worker: Worker) -> None:
    """Stop ``worker`` at once, while requests to the API may take their time to end."""
    await stop.wait()
    worker.stop()


def _policy(settings: Settings) -> WorkerPolicy:
    return WorkerPolicy(
        schedule=RetrySchedule(delays=settings.retry_schedule),
        max_in_flight=settings.max_in_flight,
        max_in_flight_per_endpoint=settings.max_in_flight_per_endpoint,
        lease=settings.request_timeout + _LEASE_MARGIN,
        stop_grace=settings.request_timeout,
    )
