import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from hookseal import WebhookError, WebhookEvent
from hookseal.asgi import WebhookMiddleware
from hookseal.starlette import webhook_error, webhook_event


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


async def receive(request: Request) -> JSONResponse:
    event = webhook_event(request)  # request.state.hookseal_event, typed
    handle(event)
    return JSONResponse({"handled": event.id})


site = Starlette(
    routes=[Route("/webhooks", receive, methods=["POST"])],
    exception_handlers={WebhookError: webhook_error},
)
app = WebhookMiddleware(site, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"])
