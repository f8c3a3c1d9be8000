"""Django's requests and responses, as the gate and its replies see them.

Knows where Django keeps a body and how it is given back to views. Must not decide anything.

Source: django/http/request.py, django/core/handlers/wsgi.py and asgi.py of Django 4.2 to 6.0.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException

from hookseal.environ import read_body
from hookseal.errors import BodyIncomplete, BodyTooLarge, ConfigError
from hookseal.verify import EVENT_KEY, WebhookEvent

if TYPE_CHECKING:
    from hookseal.effects import ReadBody
    from hookseal.ledger import Reply

__all__ = [
    "hand_over",
    "own_scheme",
    "read_request_body",
    "to_response",
    "watch_request_body",
    "webhook_event",
]


def webhook_event(request: HttpRequest) -> WebhookEvent:
    """Return the verified event of ``request``, whichever face of Hookseal verified it.

    Raises :class:`ConfigError` where none did: the view is not protected.
    """
    state: Mapping[str, Any] = _scope(request).get("state", {})
    for found in (getattr(request, EVENT_KEY, None), request.META.get(EVENT_KEY)):
        if isinstance(found, WebhookEvent):
            return found
    if isinstance(found := state.get(EVENT_KEY), WebhookEvent):
        return found
    raise ConfigError(
        f"no verified webhook event at {request.path}: put hookseal.django.WebhookMiddleware into "
        "MIDDLEWARE and this path into its paths, or decorate the view with "
        "hookseal.django.webhook."
    )


def own_scheme(request: HttpRequest) -> str:
    """Return the scheme by the server's own word; SECURE_PROXY_SSL_HEADER trusts any peer."""
    scheme: str = request.META.get("wsgi.url_scheme") or _scope(request).get("scheme", "http")
    return scheme


def read_request_body(effect: ReadBody, request: HttpRequest) -> None:
    """Read the raw body: from the server under WSGI, from where Django has put it under ASGI."""
    if hasattr(request, "_body"):  # an earlier middleware asked for it
        effect.sink.write(request.body)
    elif getattr(request, "_read_started", False):
        raise BodyIncomplete("The body was parsed before it could be verified.")
    elif "wsgi.input" in request.META:
        read_body(effect, request.META)
    else:
        spooled = request._stream  # noqa: SLF001 # the public way reads without a cap
        read_body(effect, {"wsgi.input": spooled, "wsgi.input_terminated": True})


def watch_request_body(effect: ReadBody, request: HttpRequest) -> None:
    """Read the body so that a view still finds it as it would have without us."""
    if effect.length is None and "wsgi.input" in request.META:
        read_request_body(effect, request)  # for the view Django has no such body
        return
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise BodyTooLarge from error
    except (OSError, RawPostDataException) as error:
        raise BodyIncomplete from error
    effect.sink.write(body)


def hand_over(request: HttpRequest, event: WebhookEvent) -> None:
    """Give a verified request to what comes next: its body again, its event, no CSRF check."""
    stream = io.BytesIO(event.body)  # shares the bytes, copies nothing
    if "wsgi.input" in request.META:
        request.META["wsgi.input"] = stream
    else:
        request._stream.close()  # noqa: SLF001 # a file, where the body is large
    request._body = event.body  # noqa: SLF001 # as HttpRequest.body does
    request._stream = stream  # noqa: SLF001
    # Multipart parsers read as much as this says; a chunked request does not say it.
    request.META["CONTENT_LENGTH"] = str(len(event.body))
    request.META.pop("HTTP_TRANSFER_ENCODING", None)
    setattr(request, EVENT_KEY, event)
    # What CsrfViewMiddleware sets once it has accepted a request, so that it does not check twice.
    request.csrf_processing_done = True  # type: ignore[attr-defined] # set from outside there too


def to_response(reply: Reply, request: HttpRequest) -> HttpResponse:
    """Return ``reply`` as Django sends it."""
    response = HttpResponse(b"" if request.method == "HEAD" else reply.body, status=reply.status)
    del response.headers["Content-Type"]
    for name, value in reply.headers:
        response.headers[name.decode("latin-1")] = value.decode("latin-1")
    if reply.status != HTTPStatus.NO_CONTENT:  # which has no length (RFC 9110 section 8.6)
        response.headers["Content-Length"] = str(len(reply.body))
    return response


def _scope(request: HttpRequest) -> Mapping[str, Any]:
    return getattr(request, "scope", {})
