import os

from fastapi import FastAPI, Request

from hookseal.asgi import WebhookMiddleware
from hookseal.otel import OpenTelemetryObserver

api = FastAPI()


@api.post("/webhooks")
async def receive(request: Request) -> dict[str, str]:
    return {"handled": request.state.hookseal_event.id}


app = WebhookMiddleware(
    api,
    secrets=os.environ.get("WEBHOOK_SECRET"),
    paths=["/webhooks"],
    observer=OpenTelemetryObserver(),  # of the global providers
)
