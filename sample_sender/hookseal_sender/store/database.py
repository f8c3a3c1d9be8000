"""Opening the database.

Knows SQLite's settings, its clock and the schema's version. Must not know what the tables are for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError

from hookseal_sender.errors import StartError
from hookseal_sender.store.schema import SCHEMA_VERSION, metadata, schema_version

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["database_clock", "database_file", "open_database"]

# WAL lets readers and the writer work at once; FULL syncs every commit, so that an accepted
# message survives a power cut.
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",
)
# Unix milliseconds. unixepoch('subsec') needs SQLite 3.42.
_CLOCK = text("SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)")


def database_file(url: str) -> Path:
    """Return the file that the database URL names. Raises :class:`StartError` for other URLs."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StartError(
            "database URL: this is not a URL; write one such as sqlite:///hookseal.db"
        ) from None
    if parsed.get_backend_name() != "sqlite":
        raise StartError(
            f"database URL: {parsed.get_backend_name()!r} is not supported; "
            "write one such as sqlite:///hookseal.db"
        )
    if not parsed.database or parsed.database == ":memory:":
        raise StartError(
            "database URL: a database in memory would lose accepted messages; "
            "name a file, as in sqlite:///hookseal.db"
        )
    return Path(parsed.database)


def open_database(url: str) -> Engine:
    """Return an engine on the database, made on first use.

    Raises :class:`StartError` if the file cannot be used or its schema is newer than this program.
    """
    path = database_file(url)
    try:
        path.touch(mode=0o600)  # it holds signing secrets
    except OSError as error:
        raise StartError(f"database {path}: {error.strerror}; is the folder writable?") from None
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    try:
        with writing(engine) as connection:
            _prepare(connection, path)
    except DBAPIError as error:
        engine.dispose()
        raise StartError(
            f"database {path}: {error.orig}; is it a database of this program, and writable?"
        ) from None
    except StartError:
        engine.dispose()
        raise
    return engine


def writing(engine: Engine) -> Connection:
    """Return a connection whose transactions take the write lock at once."""
    return engine.execution_options(begin="BEGIN IMMEDIATE").connect()


def database_clock(connection: Connection) -> int:
    """Return the database's time in unix milliseconds, the one clock that leases are on."""
    return int(connection.execute(_CLOCK).scalar_one())


def _on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # _on_begin begins; the driver would do so too late
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _prepare(connection: Connection, path: Path) -> None:
    if not inspect(connection).has_table(schema_version.name):
        metadata.create_all(connection)
        connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
        connection.commit()
        return
    found = connection.execute(select(schema_version.c.version)).scalar_one()
    if found > SCHEMA_VERSION:
        raise StartError(
            f"database {path}: its schema is version {found}, this program knows up to "
            f"{SCHEMA_VERSION}; start the newer hookseal-sender that made it"
        )
