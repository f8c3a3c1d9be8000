"""Whether OpenTelemetry is told too.

Knows when an SDK is there to take what is told. Must not import OpenTelemetry otherwise: it is an
extra.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hookseal_sender.observe import Observer, Observers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hookseal_sender.otel import SenderTelemetry
    from hookseal_sender.overview import OverviewCache

__all__ = ["with_telemetry"]

_SHOW_EVERY = 15.0
_SDK = "opentelemetry.sdk"


@asynccontextmanager
async def with_telemetry(observer: Observer, overview: OverviewCache) -> AsyncGenerator[Observer]:
    """Give ``observer``, or where an OpenTelemetry SDK is loaded one that tells both.

    ``opentelemetry-instrument hookseal-sender ...`` loads the SDK before anything else runs.
    """
    if _SDK not in sys.modules:
        yield observer
        return
    from hookseal_sender.otel import SenderTelemetry  # noqa: PLC0415 # an extra may be missing

    telemetry = SenderTelemetry()
    showing = asyncio.create_task(_keep_showing(telemetry, overview))
    try:
        yield Observers(observer, telemetry)
    finally:
        showing.cancel()
        await asyncio.wait({showing})


async def _keep_showing(telemetry: SenderTelemetry, overview: OverviewCache) -> None:
    while True:
        telemetry.show(await overview.get())
        await asyncio.sleep(_SHOW_EVERY)
