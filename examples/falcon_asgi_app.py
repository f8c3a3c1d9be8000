import os
from typing import Any

from falcon.asgi import App, Request, Response

from hookseal import WebhookError, WebhookEvent
from hookseal.asgi import WebhookMiddleware
from hookseal.replies import problem


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


class Webhooks:
    async def on_post(self, req: Request, resp: Response) -> None:
        event: WebhookEvent = req.scope["state"]["hookseal_event"]
        handle(event)
        resp.media = {"handled": event.id}


async def webhook_error(_: Request, resp: Response, error: WebhookError, __: Any) -> None:
    status, headers, body = problem(error)
    resp.status, resp.data = status, body
    resp.set_headers(headers)


site = App()
site.add_route("/webhooks", Webhooks())
site.add_error_handler(WebhookError, webhook_error)
app = WebhookMiddleware(site, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"])
