"""For FastAPI: a route class that verifies, and the typed event as a dependency.

Knows FastAPI's routes. Must not decide anything: a route goes through the ASGI face. A dependency
could not do this alone, as it never sees the reply that ends the claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Unpack

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from hookseal.asgi import WebhookMiddleware
from hookseal.policy import Policy, Settings
from hookseal.starlette import webhook_error, webhook_event
from hookseal.verify import WebhookEvent

if TYPE_CHECKING:
    from hookseal.secrets import SecretsLike
    from hookseal.sources import SecretsPicker, Source

__all__ = ["VerifiedEvent", "webhook_error", "webhook_event", "webhook_route"]

VerifiedEvent = Annotated[WebhookEvent, Depends(webhook_event)]
"""The type of a parameter that is the verified event of the request."""


def webhook_route(
    secrets: SecretsLike | Source | SecretsPicker | None = None,
    *,
    policy: Policy | None = None,
    **settings: Unpack[Settings],
) -> type[APIRoute]:
    """Return a route class that lets only verified, fresh, first-time webhooks through.

    For ``APIRouter(route_class=webhook_route(...))``: it verifies each route of that router, and
    nothing else of the app. Raises :class:`~hookseal.errors.ConfigError` for a setting that is
    weak or wrong.
    """
    checked = Policy.of(secrets, policy, settings)

    class WebhookRoute(APIRoute):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._guarded = WebhookMiddleware(super().handle, policy=checked)

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self._guarded(scope, receive, send)

    return WebhookRoute
