"""What an operator asks a process: /health and /metrics.

Knows how health, metrics and the state of the whole are put together for one store. Must not know
what the process does beside.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hookseal_sender.health import Health, health_routes
from hookseal_sender.overview import OverviewCache
from hookseal_sender.prometheus import SenderMetrics, metrics_route, new_registry
from hookseal_sender.store import migrations
from hookseal_sender.telemetry import with_telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from starlette.routing import BaseRoute

    from hookseal_sender.observe import Observer
    from hookseal_sender.store import Store

__all__ = ["Operations", "operating"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operations:
    """The health of this process, its figures, and the routes that show both."""

    health: Health
    observer: Observer
    routes: Sequence[BaseRoute]

    async def until(self, stop: asyncio.Event) -> None:
        """Call the process ready, and draining once ``stop`` is set; return then."""
        self.health.started = True
        await stop.wait()
        self.health.draining = True


@asynccontextmanager
async def operating(store: Store, database_url: str) -> AsyncGenerator[Operations]:
    """Give the operations of a process that works on ``store``."""
    registry = new_registry()
    metrics = SenderMetrics(registry)
    overview = OverviewCache(store.overview)
    health = Health(store.ping, lambda: asyncio.to_thread(migrations.check, database_url))
    routes = [*health_routes(health), metrics_route(registry, metrics, overview)]
    try:
        async with with_telemetry(metrics, overview) as observer:
            yield Operations(health=health, observer=observer, routes=routes)
    finally:
        await overview.close()
