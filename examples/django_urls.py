from django.http import HttpRequest, JsonResponse
from django.urls import path


def receive(request: HttpRequest) -> JsonResponse:
    event = request.hookseal_event  # verified, fresh, and here for the first time
    return JsonResponse({"handled": event.id})


urlpatterns = [path("webhooks", receive)]
