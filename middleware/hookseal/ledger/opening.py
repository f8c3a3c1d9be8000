"""A ledger by URL, and one that fits its face.

Knows which module is behind which URL, and imports it when it is asked for. Must not know how
stores work.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from hookseal.errors import ConfigError
from hookseal.ledger.memory import MemoryLedger

if TYPE_CHECKING:
    from hookseal.ledger.base import AsyncLedger, Ledger

__all__ = ["open_ledger"]

# By scheme: the module, its sync and its async class, and the extra that brings what it needs.
_SQLITE = ("sqlite", "SQLiteLedger", "AsyncSQLiteLedger", "")
_REDIS = ("redis", "RedisLedger", "AsyncRedisLedger", "redis")
_SQL = ("sql", "SQLLedger", "AsyncSQLLedger", "sql")
_STORES = {
    "sqlite": _SQLITE,
    "redis": _REDIS,
    "rediss": _REDIS,
    "valkey": _REDIS,
    "valkeys": _REDIS,
    "unix": _REDIS,
    "postgresql": _SQL,
    "postgres": _SQL,
}
_SHOWN = ("memory://", "sqlite:///path", "redis://", "rediss://", "valkey://", "postgresql://")


@overload
def open_ledger(ledger: str | Ledger | AsyncLedger, *, asynchronous: Literal[False]) -> Ledger: ...
@overload
def open_ledger(
    ledger: str | Ledger | AsyncLedger, *, asynchronous: bool
) -> Ledger | AsyncLedger: ...
def open_ledger(ledger: str | Ledger | AsyncLedger, *, asynchronous: bool) -> Ledger | AsyncLedger:
    """Return the ledger that a URL names, or the given one, in the form that the caller can use.

    ``asynchronous`` callers get one that never blocks their event loop: an async one, or a sync
    one that never waits. Others get a sync one. Nothing is connected yet. Raises
    :class:`ConfigError` for a URL that names no store, for a missing extra, and for an async store
    where a sync one is needed.
    """
    if isinstance(ledger, str):
        return _from_url(ledger, asynchronous=asynchronous)
    if inspect.iscoroutinefunction(ledger.claim):
        if asynchronous:
            return ledger
        raise ConfigError(
            "ledger: the store is async, which a WSGI app cannot await. Use its sync form."
        )
    if asynchronous and getattr(ledger, "blocking", False):
        from hookseal.ledger.threads import InThread  # noqa: PLC0415 # brings a thread pool

        return InThread(cast("Ledger", ledger))
    return ledger


def _from_url(url: str, *, asynchronous: bool) -> Ledger | AsyncLedger:
    scheme, separator, rest = url.partition("://")
    backend = scheme.lower().partition("+")[0]
    if backend == "memory" and separator and not rest:
        return MemoryLedger()
    store = _STORES.get(backend)
    if store is None or not separator:
        found = f"{scheme}://..." if separator else "text without '://'"  # it may hold a password
        raise ConfigError(f"ledger: found {found}. Write one of: {', '.join(_SHOWN)}.")
    name, sync_class, async_class, extra = store
    try:
        module: Any = importlib.import_module(f"hookseal.ledger.{name}")
    except ModuleNotFoundError as missing:
        raise ConfigError(
            f"ledger: {backend}:// needs {missing.name}, which is not installed. "
            f"Run: pip install 'hookseal[{extra}]'"
        ) from missing
    make = getattr(module, async_class if asynchronous else sync_class)
    made: Ledger | AsyncLedger = make(_sqlite_path(rest) if store is _SQLITE else url)
    return made


def _sqlite_path(rest: str) -> str:
    """Return the path of ``sqlite:///relative`` or ``sqlite:////absolute``, as SQLAlchemy reads it.

    Source: docs.sqlalchemy.org, engines, SQLite.
    """
    if not rest.startswith("/"):
        raise ConfigError(
            "ledger: the SQLite URL names no file. Write 'sqlite:///hookseal.db' (from the "
            "working folder) or 'sqlite:////var/lib/app/hookseal.db'."
        )
    return rest[1:]
