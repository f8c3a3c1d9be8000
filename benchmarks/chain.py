"""The whole middleware in process, over a bare ASGI app."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import standardwebhooks
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse

from benchmarks.deliveries import SECRET, accept, bodies, receiving, scope
from benchmarks.measure import progress
from benchmarks.report import Table, Wanted
from hookseal.asgi import WebhookMiddleware
from hookseal.ledger import MemoryLedger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["UNLIMITED", "requests_best", "run"]

UNLIMITED = "1000000000/second"
_BODY = bodies["1 KiB"]


def run(*, quick: bool) -> list[Table]:
    """Measure the chain and, for reference, the same checks as four naive layers."""
    figures = requests_best(
        {
            "bare ASGI app": accept,
            "hookseal, memory limiter and ledger": WebhookMiddleware(
                accept, SECRET, source_budget=UNLIMITED
            ),
            "four naive BaseHTTPMiddleware": _naive_layers(),
        },
        seconds=3 if quick else 20,
    )
    bare, ours, _ = figures.values()
    table = Table(
        title="chain: one 1 KiB request in process, us",
        columns=["in all", "over the bare app"],
        rows=[(name, [f"{one:.1f}", f"{one - bare:+.1f}"]) for name, one in figures.items()],
        wanted=[
            Wanted(what="hookseal over the bare app", measured=ours - bare, wanted=15, unit=" us")
        ],
        note="15 us was asked for a machine whose floor of verify at 1 KiB is 2.4 us",
    )
    return [table]


def requests_best(apps: Mapping[str, Any], *, seconds: float, count: int = 200) -> dict[str, float]:
    """Return the microseconds of one delivery to each app, every one of a new event.

    Noise only adds, so the best twentieth of the turns counts; the very best might be luck.
    """
    turns: dict[str, list[float]] = {name: [] for name in apps}
    loop = asyncio.new_event_loop()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, app in apps.items():
            deliveries = [(scope(_BODY), receiving(_BODY)) for _ in range(count)]
            turns[name].append(loop.run_until_complete(_turn(app, deliveries)))
    loop.close()
    progress(f"  {min(map(len, turns.values()))} turns of {count} requests")
    return {name: sorted(of)[len(of) // 20] for name, of in turns.items()}


async def _turn(app: Any, deliveries: list[tuple[dict[str, Any], Any]]) -> float:
    start = time.perf_counter()
    for delivery, receive in deliveries:
        await app(delivery, receive, _expect_success)
    return (time.perf_counter() - start) / len(deliveries) * 1e6


async def _expect_success(message: Any) -> None:
    if message["type"] == "http.response.start" and message["status"] != 200:
        raise RuntimeError(f"expected 200, got {message['status']}")


def _naive_layers() -> Any:
    app: Any = accept
    for layer in (_Once, _Signed, _Limited, _HttpsOnly):  # the last added runs first
        app = layer(app)
    return app


class _HttpsOnly(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        if request.url.scheme != "https":
            return PlainTextResponse("", 403)
        return await call_next(request)


class _Limited(BaseHTTPMiddleware):
    hits = 0

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        self.hits += 1
        if self.hits > 1_000_000_000:
            return PlainTextResponse("", 429)
        return await call_next(request)


class _Signed(BaseHTTPMiddleware):
    webhook = standardwebhooks.Webhook(SECRET)

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        self.webhook.verify(await request.body(), dict(request.headers), json_parse=False)
        return await call_next(request)


class _Once(BaseHTTPMiddleware):
    ledger = MemoryLedger()

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        key = request.headers["webhook-id"].encode()
        self.ledger.claim(key, b"token", 30, 0)
        return await call_next(request)
