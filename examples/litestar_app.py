import os
from typing import Any

from litestar import Litestar, Request, Response, post
from litestar.di import NamedDependency, Provide

from hookseal import WebhookError, WebhookEvent
from hookseal.asgi import WebhookMiddleware
from hookseal.replies import problem


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


async def webhook_event(request: Request[Any, Any, Any]) -> WebhookEvent:
    return request.state.hookseal_event


@post("/webhooks", dependencies={"event": Provide(webhook_event)}, status_code=200)
async def receive(event: NamedDependency[WebhookEvent]) -> dict[str, str]:
    handle(event)
    return {"handled": event.id}


def webhook_error(_: Request[Any, Any, Any], error: WebhookError) -> Response[bytes]:
    status, headers, body = problem(error)
    return Response(body, status_code=status, headers=headers)


site = Litestar([receive], exception_handlers={WebhookError: webhook_error})
app = WebhookMiddleware(site, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"])
