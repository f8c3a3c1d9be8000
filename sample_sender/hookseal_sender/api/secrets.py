"""Signing secrets as callers give them and get them.

Knows the two kinds and how each is written. Must not know endpoints or storage.
"""

from __future__ import annotations

import base64
import os

from hookseal import ConfigError, generate_secret
from hookseal.secrets import PrivateKey, parse_key

__all__ = ["KINDS", "kind_of", "new_secret", "public_key", "read_secret"]

KINDS = ("v1", "v1a")
"""The kinds of signatures: HMAC with SHA-256, and ed25519."""

_PRIVATE = "whsk_"
_SHARED = "whsec_"
_SEED_BYTES = 32


def new_secret(kind: str) -> str:
    """Return a fresh secret that makes signatures of ``kind``."""
    if kind == "v1":
        return generate_secret()
    return _PRIVATE + base64.b64encode(os.urandom(_SEED_BYTES)).decode("ascii")


def read_secret(text: str) -> str:
    """Return the secret with its prefix, ``whsec_`` if it has none.

    Raises ValueError with what to write, never with the text.
    """
    secret = text if text.startswith((_SHARED, _PRIVATE)) else f"{_SHARED}{text}"
    try:
        parse_key(secret)
    except ConfigError:
        raise ValueError(
            "'whsec_' and the base64 of 24 to 64 bytes, or 'whsk_' and that of an ed25519 private "
            "key; leave it out to have one made"
        ) from None
    return secret


def kind_of(secret: str) -> str:
    """Return the kind of signatures that ``secret`` makes."""
    return "v1a" if secret.startswith(_PRIVATE) else "v1"


def public_key(secret: str) -> str | None:
    """Return the ``whpk_`` key that verifies what ``secret`` signs; None if it is shared."""
    key = parse_key(secret)
    return key.public_text if isinstance(key, PrivateKey) else None
