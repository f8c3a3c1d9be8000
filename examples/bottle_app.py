import os
from collections.abc import Callable
from functools import wraps
from typing import Any

from bottle import Bottle, HTTPResponse, request

from hookseal import WebhookError, WebhookEvent
from hookseal.replies import problem
from hookseal.wsgi import WebhookMiddleware

View = Callable[..., Any]
site = Bottle()


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


def answer_webhook_errors(view: View) -> View:  # a Bottle plugin
    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except WebhookError as error:
            status, headers, body = problem(error)
            return HTTPResponse(body, status, headers)

    return wrapper


@site.post("/webhooks", apply=[answer_webhook_errors])
def receive() -> dict[str, str]:
    event: WebhookEvent = request.environ["hookseal_event"]
    handle(event)
    return {"handled": event.id}


app = WebhookMiddleware(site, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"])
