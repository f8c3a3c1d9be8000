import os

from blacksheep import Application, Content, Request, Response

from hookseal import WebhookError, WebhookEvent
from hookseal.asgi import WebhookMiddleware
from hookseal.replies import problem

site = Application()


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


@site.router.post("/webhooks")
async def receive(request: Request) -> dict[str, str]:
    event: WebhookEvent = request.scope["state"]["hookseal_event"]
    handle(event)
    return {"handled": event.id}


@site.exception_handler(WebhookError)
async def webhook_error(_: Application, __: Request, error: WebhookError) -> Response:
    status, headers, body = problem(error)
    content = Content(headers.pop("content-type").encode(), body)
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Response(status, fields, content)


app = WebhookMiddleware(site, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"])
