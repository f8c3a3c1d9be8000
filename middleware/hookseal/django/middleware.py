"""The class for Django's ``MIDDLEWARE``, configured by ``settings.HOOKSEAL``.

Knows where Django keeps settings. Must not know what they mean.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, cast

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from hookseal.django.guard import Guard, is_async_view
from hookseal.django.requests import to_response
from hookseal.errors import ConfigError, WebhookError
from hookseal.policy import Policy
from hookseal.replies import rejection
from hookseal.verify import EVENT_KEY

__all__ = ["WebhookMiddleware", "policy_of_settings"]


class WebhookMiddleware:
    """Lets only verified, fresh, first-time webhooks through to the views.

    ``settings.HOOKSEAL`` is a dict of ``secrets`` and the other settings of
    :class:`~hookseal.policy.Policy`, or has the one key ``policy``. A view finds the event at
    ``request.hookseal_event``. Raises :class:`~hookseal.errors.ConfigError`, when Django starts,
    for a setting that is weak or wrong.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._is_async = is_async_view(get_response)
        self._guard = Guard(policy_of_settings(), asynchronous=self._is_async)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serve one request."""
        if self._guard.ignores(request):
            return cast("HttpResponseBase", self._get_response(request))
        if self._is_async:
            return self._guard.run_async(request, lambda: self._get_response(request))
        return self._guard.run(request, lambda: self._get_response(request))

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Answer what ``event.json()`` raises in a view."""
        if isinstance(exception, WebhookError) and hasattr(request, EVENT_KEY):
            return to_response(rejection(exception), request)
        return None


def policy_of_settings() -> Policy:
    """Return the policy that ``settings.HOOKSEAL`` describes. Raises :class:`ConfigError`."""
    given: object = getattr(settings, "HOOKSEAL", None)
    if not isinstance(given, Mapping):
        raise ConfigError(
            'HOOKSEAL: write HOOKSEAL = {"secrets": "whsec_...", "paths": ["/webhooks"]} into your '
            f"settings; found {type(given).__name__}."
        )
    named = dict(cast("Mapping[str, Any]", given))
    known = ["policy", *(field.name for field in fields(Policy))]
    for name in named:
        if name not in known:
            close = get_close_matches(str(name), known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ConfigError(f"HOOKSEAL: there is no setting {name!r}.{hint}")
    try:
        return Policy.of(named.pop("secrets", None), named.pop("policy", None), cast("Any", named))
    except ConfigError as error:
        raise ConfigError(f"HOOKSEAL: {error}") from error
