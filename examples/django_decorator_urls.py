import os

from django.http import HttpRequest, JsonResponse
from django.urls import path

from hookseal import WebhookEvent
from hookseal.django import webhook, webhook_event


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


@webhook(secrets=os.environ.get("WEBHOOK_SECRET"))
def receive(request: HttpRequest) -> JsonResponse:
    event = webhook_event(request)  # request.hookseal_event, typed
    handle(event)
    return JsonResponse({"handled": event.id})


@webhook(secrets=os.environ.get("WEBHOOK_SECRET"), source="async sender")
async def receive_async(request: HttpRequest) -> JsonResponse:
    event = webhook_event(request)
    handle(event)
    return JsonResponse({"handled": event.id})


urlpatterns = [path("webhooks", receive), path("webhooks/async", receive_async)]
