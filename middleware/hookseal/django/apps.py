"""What ``"hookseal.django"`` in ``INSTALLED_APPS`` adds: the system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks

from hookseal.django.checks import check_deployment, check_settings

__all__ = ["HooksealConfig"]


class HooksealConfig(AppConfig):
    """Registers the checks with ``manage.py check``."""

    name = "hookseal.django"
    label = "hookseal"
    verbose_name = "Hookseal"

    def ready(self) -> None:
        """Register the checks."""
        checks.register(check_settings, checks.Tags.security)
        checks.register(check_deployment, checks.Tags.security, deploy=True)
