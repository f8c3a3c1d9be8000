import os

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from hookseal import WebhookError, WebhookEvent
from hookseal.replies import problem
from hookseal.wsgi import WebhookMiddleware


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


def webhook_event(request: Request) -> WebhookEvent:
    return request.environ["hookseal_event"]


def receive(request: Request) -> dict[str, str]:
    event = request.webhook_event
    handle(event)
    return {"handled": event.id}


def webhook_error(error: WebhookError, _: Request) -> Response:
    status, headers, body = problem(error)
    return Response(body, status, list(headers.items()))


with Configurator() as config:
    config.add_request_method(webhook_event, reify=True)
    config.add_route("webhooks", "/webhooks")
    config.add_view(receive, route_name="webhooks", request_method="POST", renderer="json")
    config.add_exception_view(webhook_error, context=WebhookError)
    site = config.make_wsgi_app()

app = WebhookMiddleware(site, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"])
