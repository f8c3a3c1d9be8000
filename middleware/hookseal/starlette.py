"""For Starlette, and all that is built on it: the typed event, and the answer to a bad payload.

Knows Starlette's requests and responses. Must not decide anything: the ASGI face has verified the
request before.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hookseal.errors import ConfigError, WebhookError
from hookseal.replies import problem
from hookseal.verify import EVENT_KEY, WebhookEvent

__all__ = ["webhook_error", "webhook_event"]


def webhook_event(request: Request) -> WebhookEvent:
    """Return the verified event of ``request``.

    Raises :class:`~hookseal.errors.ConfigError` where nothing verified it: the route is not
    protected.
    """
    event: object = request.scope.get("state", {}).get(EVENT_KEY)
    if not isinstance(event, WebhookEvent):
        raise ConfigError(
            f"no verified webhook event at {request.url.path}: wrap the app, or this route, with "
            "hookseal.asgi.WebhookMiddleware."
        )
    return event


def webhook_error(request: Request, error: Exception) -> Response:
    """Answer what ``event.json()`` raises: ``app.add_exception_handler(WebhookError, ...)``."""
    del request
    if not isinstance(error, WebhookError):
        raise error
    status, headers, body = problem(error)
    return Response(body, status, headers)
