import os

from quart import Quart, Response, request

from hookseal import WebhookError, WebhookEvent
from hookseal.asgi import WebhookMiddleware
from hookseal.replies import problem

app = Quart(__name__)


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


@app.post("/webhooks")
async def receive() -> dict[str, str]:
    event: WebhookEvent = request.scope["state"]["hookseal_event"]
    handle(event)
    return {"handled": event.id}


@app.errorhandler(WebhookError)
async def webhook_error(error: WebhookError) -> Response:
    status, headers, body = problem(error)
    return Response(body, status, headers)


app.asgi_app = WebhookMiddleware(  # type: ignore[method-assign] # Quart's own way to wrap an app
    app.asgi_app, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"]
)
