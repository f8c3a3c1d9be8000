"""The Django face: a class for ``MIDDLEWARE`` and a decorator for one view.

Both run the chain of :class:`~hookseal.policy.Policy` before the view, sync or async as Django
asks, and exempt from CSRF what they have verified. ``"hookseal.django"`` in ``INSTALLED_APPS``
adds the system checks.
"""

from __future__ import annotations

from hookseal.django.decorators import webhook
from hookseal.django.middleware import WebhookMiddleware
from hookseal.django.requests import webhook_event

__all__ = ["WebhookMiddleware", "webhook", "webhook_event"]
