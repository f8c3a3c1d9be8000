import os

from fastapi import FastAPI, Request
from prometheus_client import make_asgi_app

from hookseal.asgi import WebhookMiddleware
from hookseal.observe import LoggingObserver, Observers
from hookseal.prometheus import PrometheusObserver

api = FastAPI()
api.mount("/metrics", make_asgi_app())


@api.post("/webhooks")
async def receive(request: Request) -> dict[str, str]:
    return {"handled": request.state.hookseal_event.id}


app = WebhookMiddleware(
    api,
    secrets=os.environ.get("WEBHOOK_SECRET"),
    paths=["/webhooks"],
    observer=Observers(LoggingObserver(), PrometheusObserver()),
)
