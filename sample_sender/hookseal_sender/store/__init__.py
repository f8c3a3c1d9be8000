"""Where applications, messages and deliveries are kept. Only this package knows SQL."""

from __future__ import annotations

from hookseal_sender.store.base import AttemptFilter, MessageFilter, Page, PageRequest, Store
from hookseal_sender.store.database import database_file
from hookseal_sender.store.sql import SqlStore

__all__ = [
    "AttemptFilter",
    "MessageFilter",
    "Page",
    "PageRequest",
    "SqlStore",
    "Store",
    "database_file",
]
