"""The whole as an ASGI application.

Knows what stands beside the API: its start and end, its documents, browsers of other origins, and
the answer to everything else. Must not know operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response

from hookseal_sender.api.dispatch import Dispatcher
from hookseal_sender.api.documents import documents
from hookseal_sender.api.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

    from hookseal_sender.api.call import Services

__all__ = ["BASE", "create_app"]

BASE = "/api/v1"
_PREFLIGHT_SECONDS = 86400
_CODES = {404: "not_found", 405: "method_not_allowed"}


def create_app(
    services: Services,
    *,
    lifespan: Lifespan[Starlette] | None = None,
    routes: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """Return the API as an ASGI application that works on ``services``; ``routes`` stand beside it.

    Raises ValueError if ``services.rate_limit`` cannot be read.
    """
    api = Dispatcher(services, (*OPERATIONS, *documents(OPERATIONS)), base=BASE)
    open_api = CORSMiddleware(
        api,
        allow_origins=("*",),
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"),
        allow_headers=("*",),
        expose_headers=("retry-after",),
        max_age=_PREFLIGHT_SECONDS,
    )
    rest = Starlette(
        routes=list(routes), exception_handlers={HTTPException: _http_error}, lifespan=lifespan
    )
    return _Front(open_api, rest)


class _Front:
    """Gives requests below the base straight to the API: the rest of Starlette costs more."""

    def __init__(self, api: ASGIApp, rest: ASGIApp) -> None:
        self._api = api
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        below = path.startswith(f"{BASE}/") or path == BASE
        app = self._api if below and scope["type"] == "http" else self._rest
        await app(scope, receive, send)


def _http_error(_request: Request, error: Exception) -> Response:
    failed = error if isinstance(error, HTTPException) else HTTPException(500)
    code = _CODES.get(failed.status_code, "generic_error")
    content = {"code": code, "detail": failed.detail}
    return JSONResponse(content, failed.status_code, failed.headers)
