"""The reference endpoint: what a receiver looks like once the middleware does the checking.

Knows its routes and what it has handled. Must not know signatures, limits or duplicates: all that
is the middleware's, added in one line.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Unpack, cast

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from hookseal import WebhookError
from hookseal.asgi import WebhookMiddleware
from hookseal.replies import PROBLEM_TYPE, rejection

if TYPE_CHECKING:
    from starlette.requests import Request

    from hookseal.policy import Settings
    from hookseal.secrets import SecretsLike
    from hookseal.verify import WebhookEvent

__all__ = ["ENDPOINT", "create_app"]

ENDPOINT = "/webhooks"
HEALTH = "/health"
HANDLED = "/handled"
_KEPT_EVENTS = 1000
_KEPT_TYPE = 200
"""In characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """One event that took effect here."""

    id: str
    type: str
    signed_at: int | None


class Handler:
    """Handles events by remembering them; ``fail_first`` events fail once, to be retried."""

    def __init__(self, *, fail_first: int = 0) -> None:
        self._failures_left = fail_first
        self._handled: deque[Handled] = deque(maxlen=_KEPT_EVENTS)

    async def receive(self, request: Request) -> Response:
        """Handle one verified, fresh, first-time event."""
        event: WebhookEvent = request.state.hookseal_event
        if self._failures_left > 0:
            self._failures_left -= 1
            return PlainTextResponse("failing on purpose (--fail-first)\n", status_code=500)
        self._handled.append(
            Handled(id=event.id, type=_type_of(event.json()), signed_at=event.timestamp)
        )
        return JSONResponse({"handled": event.id})

    async def handled(self, request: Request) -> Response:
        """List what was handled, oldest first."""
        del request
        return JSONResponse({"data": [asdict(one) for one in self._handled]})


def create_app(
    secrets: SecretsLike, *, fail_first: int = 0, **settings: Unpack[Settings]
) -> WebhookMiddleware:
    """Return the endpoint app. Raises :class:`hookseal.ConfigError` for secrets it cannot use.

    POST /webhooks takes deliveries; GET /handled lists the events that took effect and
    GET /health answers without a body. ``settings`` are those of the middleware.
    """
    handler = Handler(fail_first=fail_first)
    settings.setdefault("exempt_paths", (HEALTH, HANDLED))
    app = Starlette(
        routes=[
            Route(ENDPOINT, handler.receive, methods=["POST"]),
            Route(HANDLED, handler.handled),
            Route(HEALTH, _health),
        ],
        exception_handlers={WebhookError: _refused},
    )
    return WebhookMiddleware(app, secrets=secrets, **settings)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer a handler's own refusal, such as that of a body that is no JSON, as the gate does."""
    del request
    assert isinstance(error, WebhookError)  # noqa: S101 # what it is registered for
    reply = rejection(error)
    return Response(reply.body, reply.status, media_type=PROBLEM_TYPE)


async def _health(request: Request) -> Response:
    del request
    return Response(status_code=204)


def _type_of(payload: Any) -> str:
    """Return the ``type`` that Standard Webhooks payloads carry, or nothing, fit to be listed.

    JSON can name half a surrogate pair, which no reply can hold.
    """
    kind = cast("dict[str, Any]", payload).get("type") if isinstance(payload, dict) else None
    return kind[:_KEPT_TYPE].encode("utf-8", "replace").decode() if isinstance(kind, str) else ""
