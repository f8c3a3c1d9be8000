"""What to say when a store cannot be reached.

Knows how to name the place and the reason. Never says a password.
"""

from __future__ import annotations

from hookseal.errors import ConfigError

__all__ = ["unreachable"]


def unreachable(place: str, error: Exception, password: str | None) -> ConfigError:
    """Return the error that names the store at ``place`` and why it did not answer."""
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    if password:
        reason = reason.replace(password, "...")
    return ConfigError(
        f"ledger: the store at {place} cannot be used ({reason}). Start it, let this process in, "
        "or correct the URL."
    )
