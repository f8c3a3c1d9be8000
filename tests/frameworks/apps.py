# ruff: noqa: PLC0415 # a framework is imported where it is needed: it may be absent
"""The example apps, loaded anew; and Django, which is configured once a process."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from contextlib import ExitStack

import pytest

from hookseal.asgi import WebhookMiddleware

REQUIRED = os.environ.get("CI") == "true"


def need(*packages: str) -> None:
    """Skip where a framework is not installed; in CI, fail."""
    for package in packages:
        if REQUIRED:
            importlib.import_module(package)
        else:
            pytest.importorskip(package, reason=f"{package} is not installed")


def load(name: str):
    """Return the example module, run anew: its app, its routes, its empty ledger."""
    module = f"examples.{name}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what a framework imports is its own
        if module not in sys.modules:
            return importlib.import_module(module)
        if name != "blacksheep_app":
            return importlib.reload(sys.modules[module])
    # BlackSheep counts its apps by line, and refuses a second one there.
    loaded = sys.modules[module]
    loaded.app = WebhookMiddleware(loaded.site, os.environ["WEBHOOK_SECRET"], paths=["/webhooks"])
    return loaded


class Django:
    """A Django project of its own for a while: settings, then a handler made under them."""

    def __init__(self, face: str, **settings):
        self._face = face
        self._settings = settings
        self._stack = ExitStack()

    def __enter__(self):
        import django
        from django.conf import settings
        from django.test import override_settings

        if not settings.configured:
            # The same as tests/middleware/django has: whichever is run first decides.
            memory = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
            settings.configure(
                SECRET_KEY="of these tests only",
                ALLOWED_HOSTS=["*"],
                INSTALLED_APPS=[],
                DATABASES={"default": memory},
            )
            django.setup()
        self._stack.enter_context(override_settings(**self._settings))
        if self._face == "asgi":
            from django.core.handlers.asgi import ASGIHandler as Handler
        else:
            from django.core.handlers.wsgi import WSGIHandler as Handler
        try:
            return Handler()
        except BaseException:
            self._stack.close()
            raise

    def __exit__(self, *error):
        self._stack.close()
