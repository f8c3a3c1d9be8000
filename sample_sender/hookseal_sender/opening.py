"""The store as the settings say, opened and closed.

Knows which setting it takes. Must not know what it is opened for.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hookseal_sender.keys import vault
from hookseal_sender.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hookseal_sender.config import Settings
    from hookseal_sender.store import Store

__all__ = ["stored"]


@asynccontextmanager
async def stored(settings: Settings) -> AsyncGenerator[Store]:
    """Give the store, and close it at the end of the block."""
    store = open_store(
        settings.database_url,
        vault(settings),
        pool=settings.database_pool,
        disable_after=settings.disable_after,
    )
    try:
        yield store
    finally:
        await store.close()
