"""The pytest plugin: fixtures for the tests of apps that receive webhooks.

Knows pytest. Imports the library only when a fixture is used: a plugin is loaded in every test
run, also in those that have nothing to do with webhooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hookseal.testing import WebhookClient

__all__ = ["webhook_client"]


@pytest.fixture
def webhook_client() -> type[WebhookClient]:
    """Give the client that signs and sends: ``webhook_client(app, secret="whsec_...")``.

    The app may be ASGI or WSGI, or a URL, or a client of httpx, httpx2 or Starlette. See
    :class:`hookseal.testing.WebhookClient`.
    """
    from hookseal.testing import WebhookClient  # noqa: PLC0415 # see above

    return WebhookClient
