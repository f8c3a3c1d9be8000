"""How much memory a request's body takes."""

from __future__ import annotations

import asyncio
import tracemalloc

from benchmarks.chain import UNLIMITED
from benchmarks.deliveries import SECRET, accept, bodies, scope
from benchmarks.report import Table, Wanted
from hookseal.asgi import WebhookMiddleware

__all__ = ["run"]

_CHUNK_BYTES = 64 * 1024
_MIB = 1024 * 1024


def run(*, quick: bool) -> list[Table]:  # noqa: ARG001 # a section takes it
    """Measure the peak while a 1 MiB body comes in chunks that nobody else holds."""
    app = WebhookMiddleware(accept, SECRET, source_budget=UNLIMITED)
    asyncio.run(_peak(app))
    bare, ours = asyncio.run(_peak(accept)), asyncio.run(_peak(app))
    table = Table(
        title="memory: peak while a 1 MiB body comes in chunks of 64 KiB, MiB",
        columns=["peak"],
        rows=[("bare ASGI app, keeps nothing", [f"{bare:.2f}"]), ("hookseal", [f"{ours:.2f}"])],
        wanted=[Wanted(what="hookseal", measured=ours, wanted=1.5, unit=" MiB")],
    )
    return [table]


async def _peak(app: object) -> float:
    body = bodies["1 MiB"]
    delivery = scope(body)
    left = len(body)

    async def receive() -> dict[str, object]:
        nonlocal left
        left -= _CHUNK_BYTES
        return {"type": "http.request", "body": b"x" * _CHUNK_BYTES, "more_body": left > 0}

    async def send(message: dict[str, object]) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(f"expected 200, got {message['status']}")

    tracemalloc.start()
    await app(delivery, receive, send)  # type: ignore[operator]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / _MIB
