"""The inbox on a plain DB-API connection: sqlite3, psycopg, or another on SQLite or PostgreSQL.

Knows one table and three statements. Must not open, commit or roll back anything: the transaction
is the handler's.

Source: PEP 249.
"""

from __future__ import annotations

import inspect
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from hookseal.errors import ConfigError
from hookseal.inbox import DEFAULT_TABLE, NotInTransactionError, inbox_row, purge_before
from hookseal.verify import WebhookEvent

__all__ = ["Connection", "Inbox", "ParamStyle"]

ParamStyle: TypeAlias = Literal["qmark", "format", "pyformat", "numeric"]

_MARKS: dict[str, Callable[[int], str]] = {
    "qmark": lambda _: "?",
    "format": lambda _: "%s",
    "pyformat": lambda _: "%s",
    "numeric": lambda number: f":{number}",
}
_is_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?").fullmatch


class Cursor(Protocol):
    """The part of a DB-API cursor that is used here."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed."""
        ...

    def execute(self, statement: Any, parameters: Sequence[Any] = ..., /) -> Any:
        """Run one statement."""
        ...

    def close(self) -> None:
        """Let the cursor go."""
        ...


class Connection(Protocol):
    """The part of a DB-API connection that is used here."""

    def cursor(self) -> Any:
        """Return a :class:`Cursor`."""
        ...


class Inbox:
    """Events that took effect, in ``table`` of the database that the effects are in.

    ``paramstyle`` is that of the driver; left out, the driver is asked. Raises
    :class:`~hookseal.errors.ConfigError` for what is no name of a table.
    """

    def __init__(
        self,
        *,
        table: str = DEFAULT_TABLE,
        paramstyle: ParamStyle | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if _is_name(table) is None:
            raise ConfigError(f"table: {table!r} is no plain name. Write, for example, 'inbox'.")
        if paramstyle is not None and paramstyle not in _MARKS:
            raise ConfigError(f"paramstyle: {paramstyle!r}; write one of {', '.join(_MARKS)}.")
        self._table = table
        self._paramstyle = paramstyle
        self._clock = clock
        columns = (
            "source VARCHAR(255) NOT NULL, event_id VARCHAR(255) NOT NULL, "
            "recorded_at BIGINT NOT NULL, PRIMARY KEY (source, event_id)"
        )
        index = table.replace(".", "_") + "_recorded_at"
        self.schema = (
            f"CREATE TABLE IF NOT EXISTS {table} ({columns})",
            f"CREATE INDEX IF NOT EXISTS {index} ON {table} (recorded_at)",
        )
        """The statements that make the table, for a migration of your own."""

    def create_table(self, connection: Connection) -> None:
        """Make the table where it is not there yet; commit it yourself."""
        for statement in self.schema:
            _run(connection, statement)

    def first_time(self, connection: Connection, event: WebhookEvent) -> bool:
        """Record ``event`` in the transaction of ``connection``; False if it is there already.

        While another transaction that recorded the event is open, this waits for its end. After a
        rollback it is the first time again. Raises :class:`NotInTransactionError` where the
        connection commits by itself.
        """
        if _commits_by_itself(connection):
            raise NotInTransactionError(
                "first_time: the connection commits every statement by itself. Begin a "
                "transaction first, in which the effect is made too."
            )
        marks = self._marks(connection, 3)
        statement = (
            f"INSERT INTO {self._table} (source, event_id, recorded_at) "  # noqa: S608 # checked
            f"VALUES ({', '.join(marks)}) ON CONFLICT DO NOTHING"
        )
        return _run(connection, statement, (*inbox_row(event), int(self._clock()))) == 1

    def purge(
        self, connection: Connection, *, older_than_days: float = 30, batch: int = 1000
    ) -> int:
        """Delete up to ``batch`` of the oldest rows and return how many; commit it yourself.

        Keep rows for longer than your senders retry and the ledger remembers.
        """
        before, limit = self._marks(connection, 2)
        table = self._table
        statement = (
            f"DELETE FROM {table} WHERE (source, event_id) IN ("  # noqa: S608 # checked
            f"SELECT source, event_id FROM {table} WHERE recorded_at < {before} "
            f"ORDER BY recorded_at LIMIT {limit})"
        )
        return _run(connection, statement, (purge_before(older_than_days, self._clock()), batch))

    def _marks(self, connection: Connection, count: int) -> list[str]:
        mark = _MARKS[self._paramstyle or _paramstyle_of(connection)]
        return [mark(number) for number in range(1, count + 1)]


def _run(connection: Connection, statement: str, parameters: Sequence[Any] = ()) -> int:
    cursor: Cursor = connection.cursor()
    if inspect.iscoroutinefunction(cursor.execute):
        raise ConfigError(
            f"inbox: {type(connection).__name__} is async. Use hookseal.inbox.sqlalchemy with it, "
            "or a sync connection."
        )
    try:
        cursor.execute(statement, parameters)
        return cursor.rowcount
    finally:
        cursor.close()


def _paramstyle_of(connection: Connection) -> str:
    """Return what the connection's driver, or the driver of a class it derives from, says."""
    for base in type(connection).__mro__:
        driver = sys.modules.get(base.__module__.partition(".")[0])
        style = getattr(driver, "paramstyle", None)
        if style in _MARKS:
            return str(style)
    raise ConfigError(
        f"paramstyle: {type(connection).__name__} does not tell it. Give the inbox one of: "
        f"{', '.join(_MARKS)}."
    )


def _commits_by_itself(connection: Any) -> bool:
    """Tell whether a statement now would be committed at once, as far as the driver shows.

    sqlite3: ``isolation_level=None`` or, from Python 3.12, ``autocommit=True``, with no BEGIN.
    psycopg: ``autocommit=True`` outside of a ``transaction()`` block.
    """
    autocommit = getattr(connection, "autocommit", False) is True
    if hasattr(connection, "in_transaction"):
        autocommit = autocommit or getattr(connection, "isolation_level", "") is None
        return autocommit and not connection.in_transaction
    info = getattr(connection, "info", None)
    status = getattr(info, "transaction_status", 0)  # of libpq: 0 is idle
    return autocommit and not status
