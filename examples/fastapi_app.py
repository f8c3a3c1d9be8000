import os

from fastapi import FastAPI, Request

from hookseal.asgi import WebhookMiddleware

api = FastAPI()


@api.post("/webhooks")
async def receive(request: Request) -> dict[str, str]:
    event = request.state.hookseal_event  # verified, fresh, and here for the first time
    return {"handled": event.id}


app = WebhookMiddleware(api, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"])
