"""Webhooks made safe: verify, sign, limit and handle once.

Import a face from its own module (``hookseal.asgi``, ``hookseal.wsgi``); this package imports no
framework.
"""

from __future__ import annotations

from hookseal.errors import ConfigError, HooksealError, WebhookError
from hookseal.secrets import KeyRing, generate_secret
from hookseal.signing import Signer
from hookseal.sources import Source
from hookseal.verify import Verifier, WebhookEvent

__all__ = [
    "ConfigError",
    "HooksealError",
    "KeyRing",
    "Signer",
    "Source",
    "Verifier",
    "WebhookError",
    "WebhookEvent",
    "generate_secret",
]
__version__ = "0.1.0"
