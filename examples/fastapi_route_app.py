import os

from fastapi import APIRouter, FastAPI

from hookseal import WebhookError, WebhookEvent
from hookseal.fastapi import VerifiedEvent, webhook_error, webhook_route

router = APIRouter(route_class=webhook_route(secrets=os.environ.get("WEBHOOK_SECRET")))


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


@router.post("/webhooks")
async def receive(event: VerifiedEvent) -> dict[str, str]:
    handle(event)
    return {"handled": event.id}


app = FastAPI()
app.include_router(router)
app.add_exception_handler(WebhookError, webhook_error)
