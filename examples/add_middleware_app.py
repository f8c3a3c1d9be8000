import os

from fastapi import FastAPI, Request

from hookseal.asgi import WebhookMiddleware
from hookseal.policy import Policy

app = FastAPI()
app.add_middleware(WebhookMiddleware, policy=Policy(secrets=os.environ["WEBHOOK_SECRET"]))


@app.post("/webhooks")
async def receive(request: Request) -> dict[str, str]:
    return {"handled": request.state.hookseal_event.id}
