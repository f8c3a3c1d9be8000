import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from hookseal import WebhookError, WebhookEvent
from hookseal.asgi import WebhookMiddleware
from hookseal.starlette import webhook_error, webhook_event

webhooks_only = Middleware(WebhookMiddleware, secrets=os.environ.get("WEBHOOK_SECRET"))


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


async def receive(request: Request) -> JSONResponse:
    event = webhook_event(request)
    handle(event)
    return JSONResponse({"handled": event.id})


app = Starlette(
    routes=[Route("/webhooks", receive, methods=["POST"], middleware=[webhooks_only])],
    exception_handlers={WebhookError: webhook_error},
)
