"""The keys of a sender: as its settings give them, or from files beside its SQLite database.

Knows which key comes from where. Must not know what is signed or sealed.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from hookseal_sender.errors import StartError
from hookseal_sender.keyfile import KeyKind, key_file, load_key
from hookseal_sender.store import database_file
from hookseal_sender.store.database import parse_database_url
from hookseal_sender.tokens import TokenKey
from hookseal_sender.vault import Vault

if TYPE_CHECKING:
    from pathlib import Path

    from hookseal_sender.config import Settings

__all__ = ["form_key", "missing_token_key", "page_keys", "token_key", "vault"]

_MAKE_ONE = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


def token_key(settings: Settings) -> TokenKey:
    """Return the key that signs API tokens; beside SQLite it is made on first use.

    Raises :class:`~hookseal_sender.errors.StartError` if there is none and none can be made.
    """
    return TokenKey(*page_keys(settings))


def missing_token_key(settings: Settings) -> Path | None:
    """Return the file that :func:`token_key` will make; None where there is a key already."""
    if settings.token_key or not settings.database_url.startswith("sqlite"):
        return None
    file = key_file(database_file(settings.database_url), KeyKind.TOKEN)
    return None if file.exists() else file


def page_keys(settings: Settings) -> tuple[bytes, ...]:
    """Return the keys that sign links and cookies, newest first: those of API tokens.

    Raises as :func:`token_key` does.
    """
    return _keys(settings.database_url, settings.token_key, KeyKind.TOKEN)


def form_key(settings: Settings) -> bytes:
    """Return the key that marks forms as ours, made of the newest of :func:`page_keys`."""
    return hmac.digest(page_keys(settings)[0], b"hookseal forms", hashlib.sha256)


def vault(settings: Settings) -> Vault:
    """Return the vault of secrets at rest; beside SQLite its key is made on first use.

    Raises :class:`~hookseal_sender.errors.StartError` if there is none and none can be made.
    """
    return Vault(_keys(settings.database_url, settings.encryption_key, KeyKind.ENCRYPTION))


def _keys(url: str, given: tuple[str, ...], kind: KeyKind) -> tuple[bytes, ...]:
    if given:
        return tuple(key.encode() for key in given)
    parse_database_url(url)  # a wrong URL is told first
    if url.startswith("sqlite"):
        return (load_key(key_file(database_file(url), kind), kind),)
    raise StartError(
        f"{kind}: set {kind.variable}, to the same in every process; this makes one: {_MAKE_ONE}"
    )
