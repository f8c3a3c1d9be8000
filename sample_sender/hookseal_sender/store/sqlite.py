"""SQLite as the database: its settings, its locks, its clock.

Knows what makes a commit survive a power cut, and that one connection writes. Must not know threads
or tables.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from hookseal_sender.errors import StartError
from hookseal_sender.store.backend import READ_SECONDS, Backend

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["database_file", "driver_of", "open_sqlite"]

# WAL lets readers and the writer work at once.
_PRAGMAS = (
    "PRAGMA busy_timeout = 10000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
    "PRAGMA wal_autocheckpoint = 4000",
)
# Unix milliseconds. unixepoch('subsec') needs SQLite 3.42.
_CLOCK = "SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"
_READERS = 2
_STEPS = 50_000  # of SQLite's machine between two looks at the clock: under a millisecond


def database_file(url: URL) -> Path:
    """Return the file that ``url`` names. Raises StartError for a database in memory."""
    if not url.database or url.database == ":memory:" or "mode" in url.query:
        raise StartError(
            "database URL: a database in memory would lose accepted messages; "
            "name a file, as in sqlite:///hookseal.db"
        )
    return Path(url.database)


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's connection, whose calls cost less. Its errors are the driver's too."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def open_sqlite(url: URL, *, read_seconds: float = READ_SECONDS) -> Backend:
    """Return the database in the file of ``url``, which is made if it is not there.

    A read ends in an error after ``read_seconds``.

    Raises :class:`~hookseal_sender.errors.StartError` if the file cannot be used.
    """
    path = database_file(url)
    try:
        path.touch(mode=0o600)  # it holds whom to send what
    except OSError as error:
        raise StartError(f"database {path}: {error.strerror}; is the folder writable?") from None
    if not os.access(path, os.W_OK):  # SQLite would say so at the first write only
        raise StartError(f"database {path}: this user cannot write it; whose is it?")
    # Two pools, so that the writer keeps its connection and with it what it has cached.
    writing, reading = _engine(path, 1), _engine(path, _READERS)
    try:
        with writing.connect():
            pass
    except DBAPIError as error:
        raise StartError(
            f"database {path}: {error.orig}; is it a database of this program, and writable?"
        ) from None
    # A commit is synced, and so survives a power cut, or not: then the next that is takes it along.
    durable = writing.execution_options(synchronous="FULL", begin="BEGIN IMMEDIATE")
    relaxed = writing.execution_options(synchronous="NORMAL", begin="BEGIN IMMEDIATE")
    return Backend(
        dialect="sqlite",
        durable=durable,
        relaxed=relaxed,
        reading=reading.execution_options(read_seconds=read_seconds),
        writers=1,
        readers=_READERS,
        clock=_clock,
    )


def _engine(path: Path, connections: int) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "cached_statements": 256},
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # _on_begin begins; the driver would do so too late
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _on_begin(connection: Connection) -> None:
    # Over the driver: this is in the path of every transaction.
    driver = driver_of(connection)
    options = connection.get_execution_options()
    wanted = options.get("synchronous")
    if wanted is not None and connection.info.get("synchronous") != wanted:
        driver.execute(f"PRAGMA synchronous = {wanted}")
        connection.info["synchronous"] = wanted
    driver.execute(options.get("begin", "BEGIN"))
    if "read_seconds" in options:
        end = time.monotonic() + options["read_seconds"]
        driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)


def _clock(connection: Connection) -> int:
    return int(driver_of(connection).execute(_CLOCK).fetchone()[0])
