"""The decorator for one view.

Knows how Django tells sync views from async ones and wraps them in transactions.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, Unpack, cast

from asgiref.sync import sync_to_async
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse

from hookseal.django.guard import Guard, is_async_view
from hookseal.policy import Policy, Settings

if TYPE_CHECKING:
    from hookseal.secrets import SecretsLike
    from hookseal.sources import SecretsPicker, Source

__all__ = ["webhook"]

View = TypeVar("View", bound=Callable[..., Any])


def webhook(
    secrets: SecretsLike | Source | SecretsPicker | None = None,
    *,
    policy: Policy | None = None,
    **settings: Unpack[Settings],
) -> Callable[[View], View]:
    """Return a decorator that lets only verified, fresh, first-time webhooks through to a view.

    The view may be sync or async; a class-based one takes it through ``method_decorator(...,
    name="dispatch")`` or around ``as_view()``. It needs no CSRF token and no login, and with
    ATOMIC_REQUESTS its transaction ends before the event counts as handled. Raises
    :class:`~hookseal.errors.ConfigError` for a setting that is weak or wrong.
    """
    checked = Policy.of(secrets, policy, settings)

    @functools.cache  # method_decorator decorates anew at every request
    def guard(asynchronous: bool) -> Guard:  # noqa: FBT001 # the cache's key
        return Guard(checked, asynchronous=asynchronous)

    def decorate(view: View) -> View:
        wrapper: Any
        if is_async_view(view):
            wrapper = _wrap_async(guard(True), view)  # noqa: FBT003
        else:
            wrapper = _wrap(guard(False), view)  # noqa: FBT003
        wrapper.csrf_exempt = True
        wrapper.login_required = False  # what login_not_required sets: the signature is the login
        wrapper._non_atomic_requests = set(connections)  # noqa: SLF001 # see _atomic
        return cast("View", wrapper)

    return decorate


def _wrap(guard: Guard, view: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
    @functools.wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        def run() -> HttpResponseBase:
            response: HttpResponseBase = _atomic(view)(request, *args, **kwargs)
            return response.render() if _is_unrendered(response) else response

        return guard.run(request, run)

    return wrapper


def _wrap_async(
    guard: Guard, view: Callable[..., Any]
) -> Callable[..., Awaitable[HttpResponseBase]]:
    @functools.wraps(view)
    async def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        async def run() -> HttpResponseBase:
            response: HttpResponseBase = await _atomic(view)(request, *args, **kwargs)
            return await sync_to_async(response.render)() if _is_unrendered(response) else response

        return await guard.run_async(request, run)

    return wrapper


def _atomic(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``view`` in the transactions that ATOMIC_REQUESTS asks for.

    Django would begin them around the wrapper, and commit them after the claim is completed.
    """
    return BaseHandler().make_view_atomic(view)


def _is_unrendered(response: HttpResponseBase) -> TypeGuard[SimpleTemplateResponse]:
    return isinstance(response, SimpleTemplateResponse) and not response.is_rendered
