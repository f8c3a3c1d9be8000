"""The ASGI application: routes, and errors as JSON.

Knows which path leads to which operation and how every failure is answered. Must not know what the
operations do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router

from hookseal_sender.api import applications, endpoints, messages
from hookseal_sender.api.call import Call, Services
from hookseal_sender.api.fields import InputInvalid
from hookseal_sender.errors import SenderError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

    Operation = Callable[[Call], Awaitable[Response]]

__all__ = ["create_app"]

_ENDPOINT = "/app/{app_id}/endpoint/{endpoint_id}"
_CODES = {404: "not_found", 405: "method_not_allowed"}


def create_app(services: Services, *, lifespan: Lifespan[Starlette] | None = None) -> ASGIApp:
    """Return the API as an ASGI application that works on ``services``."""
    app = Starlette(
        routes=[Mount("/api/v1", Router(_routes(), redirect_slashes=False))],
        exception_handlers={
            SenderError: _sender_error,
            InputInvalid: _input_invalid,
            HTTPException: _http_error,
            ClientDisconnect: _disconnected,
            Exception: _unexpected,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.services = services
    return _WithoutTrailingSlash(app)


def _routes() -> list[Route]:
    return [
        Route("/health", _health),
        Route("/health/ping", _ping),
        *_operations("/app", GET=applications.list_all, POST=applications.create),
        *_operations("/app/{app_id}", GET=applications.get, DELETE=applications.delete),
        *_operations("/app/{app_id}/endpoint", GET=endpoints.list_all, POST=endpoints.create),
        *_operations(
            _ENDPOINT,
            GET=endpoints.get,
            PUT=endpoints.update,
            PATCH=endpoints.patch,
            DELETE=endpoints.delete,
        ),
        *_operations(f"{_ENDPOINT}/secret", GET=endpoints.secret),
        *_operations("/app/{app_id}/msg", GET=messages.list_all, POST=messages.create),
        *_operations("/app/{app_id}/msg/{msg_id}", GET=messages.get),
        *_operations("/app/{app_id}/attempt/msg/{msg_id}", GET=messages.attempts_by_message),
        *_operations(
            "/app/{app_id}/attempt/endpoint/{endpoint_id}", GET=messages.attempts_by_endpoint
        ),
    ]


def _operations(path: str, **operations: Operation) -> list[Route]:
    """Return one route for the path, whatever the method, so that a wrong one answers 405."""

    async def dispatch(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await operations[method](Call.of(request))

    return [Route(path, dispatch, methods=list(operations))]


class _WithoutTrailingSlash:
    """Serves ``/app/`` as ``/app``: older SDKs send the slash and follow no redirect."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.endswith("/"):
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)


async def _health(request: Request) -> Response:
    services: Services = request.app.state.services
    try:
        await services.store.ping()
    except StoreUnavailable:
        return JSONResponse({"database": {"status": "error"}}, 500)
    return JSONResponse({"database": {"status": "ok"}})


async def _ping(_request: Request) -> Response:
    return Response(status_code=204)


def _problem(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    return JSONResponse({"code": code, "detail": detail}, status, headers)


def _sender_error(_request: Request, error: Exception) -> Response:
    failed = error if isinstance(error, SenderError) else SenderError()
    return _problem(failed.status_hint, failed.code, str(failed))


def _input_invalid(_request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": getattr(error, "errors", [])}, 422)


def _http_error(_request: Request, error: Exception) -> Response:
    failed = error if isinstance(error, HTTPException) else HTTPException(500)
    code = _CODES.get(failed.status_code, "generic_error")
    return _problem(failed.status_code, code, failed.detail, failed.headers)


def _disconnected(_request: Request, _error: Exception) -> Response:
    return _problem(400, "client_disconnected", "the request was not sent whole")


def _unexpected(_request: Request, _error: Exception) -> Response:
    return _problem(500, "server_error", "something went wrong here; the log says what")
