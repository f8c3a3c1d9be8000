"""The schema's revisions, and the step from any of them to the newest.

Knows alembic and what a database says of its own revision. Must not know what the tables are for.

A new revision is a module of ``versions`` that changes the tables as ``schema`` was changed; a test
holds both to the same. Revisions are never undone: a backup is the way back.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

from hookseal_sender.errors import StartError, Unreachable
from hookseal_sender.store.database import parse_database_url
from hookseal_sender.store.postgresql import open_postgresql, shown_database
from hookseal_sender.store.sqlite import database_file, open_sqlite

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from sqlalchemy import URL

    from hookseal_sender.store.backend import Backend

__all__ = ["Migration", "check", "plan", "upgrade"]

_SCRIPTS = "hookseal_sender.store:migrations"
_FIRST_CUT = "schema_version"
"""The table by which a database of the time before there were revisions is known."""
_LOCK_KEY = 0x686F6F6B7365616C
"""Of PostgreSQL's advisory lock: the bytes of ``hookseal``."""
_MIGRATE = "run 'hookseal-sender migrate'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """The revision that was found, None in an empty database, and the newest, to which it goes."""

    before: str | None
    after: str


def upgrade(url: str) -> Migration:
    """Bring the database to the newest revision, making it if it is not there.

    It happens wholly or not at all; of processes that do it at once, one does and the others wait.
    Raises :class:`~hookseal_sender.errors.StartError` if the database cannot be used, is of a
    newer program, or was made when there were no revisions yet.
    """
    with _opened(parse_database_url(url)) as (backend, name), backend.durable.begin() as connection:
        if backend.dialect == "postgresql":  # on SQLite, beginning has taken the only lock
            _lock(connection)
        before = _revision(connection, name)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return Migration(before=before, after=_known()[0])


def plan(url: str) -> Migration:
    """Return what :func:`upgrade` would do, and raise as it would; nothing is changed or made."""
    parsed = parse_database_url(url)
    before = None
    if parsed.get_backend_name() != "sqlite" or database_file(parsed).exists():
        with _opened(parsed) as (backend, name), backend.reading.connect() as connection:
            before = _revision(connection, name)
    return Migration(before=before, after=_known()[0])


def check(url: str) -> None:
    """Return if the database is at the newest revision.

    Raises :class:`~hookseal_sender.errors.StartError` if it is not, or cannot be used.
    """
    found = plan(url)
    name = _name(parse_database_url(url))
    if found.before is None:
        raise StartError(f"database {name}: it has no tables yet; {_MIGRATE}")
    if found.before != found.after:
        raise StartError(
            f"database {name}: its schema is of revision {found.before}, "
            f"this program needs {found.after}; {_MIGRATE}"
        )


def _revision(connection: Connection, name: str) -> str | None:
    """Return the database's revision, if this program can go on from it."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in _known():
        raise StartError(
            f"database {name}: its schema is of revision {found}, this program knows up to "
            f"{_known()[0]}; start the newer hookseal-sender that made it"
        )
    if found is None and inspect(connection).has_table(_FIRST_CUT):
        raise StartError(
            f"database {name}: an early hookseal-sender made it, whose schema cannot be migrated; "
            "name a new database and make the applications and endpoints again"
        )
    return found


@cache
def _known() -> Sequence[str]:
    """Return the revisions that this program knows, newest first."""
    scripts = ScriptDirectory.from_config(_config())
    return [each.revision for each in scripts.walk_revisions()]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    return config


@contextmanager
def _opened(url: URL) -> Generator[tuple[Backend, str]]:
    """Yield the database and its name; what fails in the block is said in one line."""
    is_sqlite = url.get_backend_name() == "sqlite"
    backend = open_sqlite(url) if is_sqlite else open_postgresql(url, 1)
    name = _name(url)
    try:
        yield backend, name
    except DBAPIError as error:
        lost = Unreachable if error.connection_invalidated else StartError
        raise lost(f"database {name}: {str(error.orig).strip().splitlines()[0]}") from None
    finally:
        backend.dispose()


def _name(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(database_file(url))
    return shown_database(url)


def _lock(connection: Connection) -> None:
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
    # From here on rather fail than have everybody wait for who waits for a table.
    connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
