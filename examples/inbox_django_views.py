from django.db import transaction
from django.http import HttpRequest, JsonResponse

from hookseal.inbox.django import first_time


def pay(invoice: int) -> None:
    """Change your own models here."""


@transaction.atomic
def receive(request: HttpRequest) -> JsonResponse:
    event = request.hookseal_event
    if not first_time(event):
        return JsonResponse({"handled": "already"})
    pay(event.json()["invoice"])
    return JsonResponse({"handled": event.id})
