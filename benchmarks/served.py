"""The apps that the server section serves, each under uvicorn on one core.

``python -m benchmarks.served VARIANT PORT SECRET``
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from benchmarks.chain import UNLIMITED
from benchmarks.deliveries import accept
from benchmarks.measure import pin
from hookseal.asgi import WebhookMiddleware

__all__ = ["VARIANTS"]

VARIANTS = ("bare", "bare+hookseal", "starlette", "starlette+hookseal")


def _app(variant: str, secret: str) -> Any:
    app: Any = accept if variant.startswith("bare") else _starlette()
    if variant.endswith("+hookseal"):
        app = WebhookMiddleware(app, secret, source_budget=UNLIMITED)
    return _as_https(app)


def _starlette() -> Any:
    async def receive(request: Any) -> PlainTextResponse:
        await request.body()
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/webhooks", receive, methods=["POST"])])


def _as_https(app: Any) -> Any:
    """Stand in for the proxy that ends HTTPS, for every variant alike."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        scope["scheme"] = "https"
        await app(scope, receive, send)

    return serve


def main() -> None:
    """Serve one variant until killed."""
    variant, port, secret = sys.argv[1:]
    pin(1)
    uvicorn.run(
        _app(variant, secret),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
