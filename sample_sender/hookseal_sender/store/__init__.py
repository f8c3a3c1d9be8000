"""Where applications, messages and deliveries are kept. Only this package knows SQL."""

from __future__ import annotations

from hookseal_sender.store.base import (
    AttemptFilter,
    DeliveryFilter,
    LogFilter,
    LogPage,
    MessageFilter,
    Page,
    PageRequest,
    Published,
    Store,
)
from hookseal_sender.store.sql import SqlStore, database_file, open_store

__all__ = [
    "AttemptFilter",
    "DeliveryFilter",
    "LogFilter",
    "LogPage",
    "MessageFilter",
    "Page",
    "PageRequest",
    "Published",
    "SqlStore",
    "Store",
    "database_file",
    "open_store",
]
