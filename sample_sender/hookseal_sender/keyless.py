"""The store for those who open none of its secrets, and whether its key was lost.

Knows that such a store needs no key, and so makes none. Must not know what it is opened for.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hookseal_sender.errors import StartError
from hookseal_sender.keyfile import KeyKind, key_file
from hookseal_sender.store import database_file, open_store
from hookseal_sender.vault import MIN_KEY_BYTES, Vault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hookseal_sender.config import Settings
    from hookseal_sender.store import Store

__all__ = ["refuse_lost_key", "stored_without_key"]


@asynccontextmanager
async def stored_without_key(settings: Settings) -> AsyncGenerator[Store]:
    """Give the store with a key that opens nothing, and close it at the end of the block."""
    store = open_store(settings.database_url, Vault([os.urandom(MIN_KEY_BYTES)]))
    try:
        yield store
    finally:
        await store.close()


async def refuse_lost_key(settings: Settings) -> None:
    """Return unless an encryption key would be made for endpoints that another one sealed.

    The schema must be the program's. Raises :class:`~hookseal_sender.errors.StartError`.
    """
    if settings.encryption_key or not settings.database_url.startswith("sqlite"):
        return
    file = key_file(database_file(settings.database_url), KeyKind.ENCRYPTION)
    if file.exists():
        return
    async with stored_without_key(settings) as store:
        endpoints = (await store.overview()).endpoints
    if endpoints:
        raise StartError(
            f"{KeyKind.ENCRYPTION} {file}: it is not here, while the secrets of {endpoints} "
            "endpoints are sealed with it; restore it, or set it in "
            f"{KeyKind.ENCRYPTION.variable}: to a new one if it is gone for good"
        )
