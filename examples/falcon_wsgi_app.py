import os
from typing import Any

from falcon import App, Request, Response

from hookseal import WebhookError, WebhookEvent
from hookseal.replies import problem
from hookseal.wsgi import WebhookMiddleware


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


class Webhooks:
    def on_post(self, req: Request, resp: Response) -> None:
        event: WebhookEvent = req.env["hookseal_event"]
        handle(event)
        resp.media = {"handled": event.id}


def webhook_error(_: Request, resp: Response, error: WebhookError, __: Any) -> None:
    status, headers, body = problem(error)
    resp.status, resp.data = status, body
    resp.set_headers(headers)


site = App()
site.add_route("/webhooks", Webhooks())
site.add_error_handler(WebhookError, webhook_error)
app = WebhookMiddleware(site, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"])
