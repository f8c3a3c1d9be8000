"""The inbox as a Django app."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["InboxConfig"]


class InboxConfig(AppConfig):
    """Has a label of its own, so that it collides with no app named ``django`` or ``inbox``."""

    name = "hookseal.inbox.django"
    label = "hookseal_inbox"
    verbose_name = "Webhook inbox"
    default_auto_field = "django.db.models.BigAutoField"
