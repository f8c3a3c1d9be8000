"""For Flask: a decorator for one view, and the typed event.

Knows how a Flask view becomes a WSGI app. Must not decide anything: it goes through the WSGI face.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

from flask import Response, current_app, request

from hookseal.errors import ConfigError, WebhookError
from hookseal.policy import Policy, Settings
from hookseal.replies import problem
from hookseal.verify import EVENT_KEY, WebhookEvent
from hookseal.wsgi import WebhookMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from hookseal.secrets import SecretsLike
    from hookseal.sources import SecretsPicker, Source

__all__ = ["webhook", "webhook_error", "webhook_event"]

View = TypeVar("View", bound=Callable[..., Any])
_VIEW_KEY = "hookseal.flask.view"


def webhook(
    secrets: SecretsLike | Source | SecretsPicker | None = None,
    *,
    policy: Policy | None = None,
    **settings: Unpack[Settings],
) -> Callable[[View], View]:
    """Return a decorator that lets only verified, fresh, first-time webhooks through to a view.

    It stands below the route's own. Raises :class:`~hookseal.errors.ConfigError` for a setting
    that is weak or wrong, or async.
    """
    guarded = WebhookMiddleware(_run_view, policy=Policy.of(secrets, policy, settings))

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Response:
            environ: dict[str, Any] = request.environ
            if "stream" in vars(request):  # something before this has read it
                environ["wsgi.input"] = io.BytesIO(request.get_data())
            ready = current_app.ensure_sync(view)
            environ[_VIEW_KEY] = functools.partial(ready, *args, **kwargs)
            return _call(guarded, environ)

        return cast("View", wrapper)

    return decorate


def webhook_event() -> WebhookEvent:
    """Return the verified event of the current request.

    Raises :class:`~hookseal.errors.ConfigError` where nothing verified it: the view is not
    protected.
    """
    event = request.environ.get(EVENT_KEY)
    if not isinstance(event, WebhookEvent):
        raise ConfigError(
            f"no verified webhook event at {request.path}: wrap app.wsgi_app with "
            "hookseal.wsgi.WebhookMiddleware, or decorate the view with hookseal.flask.webhook."
        )
    return event


def webhook_error(error: WebhookError) -> Response:
    """Answer what ``event.json()`` raises: ``app.register_error_handler(WebhookError, ...)``."""
    status, headers, body = problem(error)
    return current_app.response_class(body, status, headers)


def _run_view(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    try:
        response = current_app.make_response(environ[_VIEW_KEY]())
    except WebhookError as error:
        response = webhook_error(error)
    return response(environ, start_response)


def _call(app: WebhookMiddleware, environ: dict[str, Any]) -> Response:
    """Return what ``app`` answers; werkzeug's own helper would give it a copy of the environ."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        del exc_info  # nothing is sent yet, and a view's errors are raised, not started
        started.append((status, headers))
        return written.append

    chunks = app(environ, start_response)
    status, headers = started[-1]
    return current_app.response_class(chunks, status, headers)
