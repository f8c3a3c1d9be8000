"""The secrets of a bin as a person gives them.

Knows which can verify. Must not know where they are kept.
"""

from __future__ import annotations

from collections.abc import Iterable

from hookseal import ConfigError
from hookseal.verify import verifying_ring

__all__ = ["MAX_SECRETS", "check_secrets", "split_secrets"]

MAX_SECRETS = 5


def check_secrets(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return the secrets as texts; raise ConfigError for one that cannot verify."""
    texts = (given,) if isinstance(given, str) else tuple(given)
    if len(texts) > MAX_SECRETS:
        raise ConfigError(f"secrets: at most {MAX_SECRETS} are tried. Leave out the oldest.")
    if texts:
        verifying_ring(list(texts))
    return texts


def split_secrets(text: str) -> tuple[str, ...]:
    """Return the secrets in ``text``, with spaces, line breaks or commas between them, checked."""
    return check_secrets(text.replace(",", " ").split())
