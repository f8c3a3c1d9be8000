"""System checks, with stable ids.

Knows what of a Django project makes the middleware weak, useless or refuse everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 # Django's own name
from django.middleware.common import CommonMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.module_loading import import_string

from hookseal.django.middleware import WebhookMiddleware, policy_of_settings
from hookseal.errors import ConfigError
from hookseal.ledger import MemoryLedger
from hookseal.policy import Policy

__all__ = ["check_deployment", "check_settings"]


def check_settings(**_: object) -> list[CheckMessage]:
    """Return what is wrong with HOOKSEAL and with its place in MIDDLEWARE."""
    middleware = [import_string(path) for path in settings.MIDDLEWARE]
    place = next((at for at, one in enumerate(middleware) if _is(one, WebhookMiddleware)), None)
    if place is None:
        return [_UNUSED] if hasattr(settings, "HOOKSEAL") else []
    try:
        policy = policy_of_settings()
    except ConfigError as error:
        return [Error(str(error), id="hookseal.E001")]
    return [*_check_order(middleware[:place]), *_check_proxy(policy)]


def check_deployment(**_: object) -> list[CheckMessage]:
    """Return what is fit for development only."""
    try:
        policy = policy_of_settings()
    except ConfigError:
        return []  # check_settings says it
    return list(_check_policy(policy))


_UNUSED = Error(
    "HOOKSEAL is set, but nothing is verified by it.",
    hint='Put "hookseal.django.WebhookMiddleware" first into MIDDLEWARE.',
    id="hookseal.E002",
)


def _check_order(before: list[Any]) -> Iterator[CheckMessage]:
    for one in before:
        redirects = _is(one, SecurityMiddleware) and settings.SECURE_SSL_REDIRECT
        if redirects or _is(one, CommonMiddleware):
            yield Warning(
                f"{one.__name__} stands before WebhookMiddleware and can redirect a webhook, which "
                "senders take for a failure.",
                hint='Put "hookseal.django.WebhookMiddleware" first into MIDDLEWARE.',
                id="hookseal.W001",
            )


def _check_proxy(policy: Policy) -> Iterator[CheckMessage]:
    if settings.SECURE_PROXY_SSL_HEADER and not policy.trusted_proxies:
        yield Warning(
            "SECURE_PROXY_SSL_HEADER is set, so a proxy ends HTTPS, but HOOKSEAL names no "
            "trusted_proxies: webhooks through the proxy are refused with 403.",
            hint='Name the proxy\'s address: HOOKSEAL = {..., "trusted_proxies": ["10.0.0.0/8"]}.',
            id="hookseal.W002",
        )


def _check_policy(policy: Policy) -> Iterator[CheckMessage]:
    if policy.allow_insecure_peers:
        yield Warning(
            f"HOOKSEAL lets {', '.join(policy.allow_insecure_peers)} in over plain HTTP.",
            hint="Leave allow_insecure_peers out of production settings.",
            id="hookseal.W003",
        )
    if isinstance(policy.ledger, MemoryLedger):
        yield Warning(
            "HOOKSEAL remembers handled events in memory: each process forgets them when it ends, "
            "and knows nothing of the others.",
            hint="Give HOOKSEAL a ledger that is shared and lasts, such as SQLite or Redis.",
            id="hookseal.W004",
        )


def _is(one: Any, kind: type) -> bool:
    return isinstance(one, type) and issubclass(one, kind)
