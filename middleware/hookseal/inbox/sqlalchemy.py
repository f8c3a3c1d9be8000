"""The inbox through SQLAlchemy 2: sessions and connections, sync and async. Needs ``sqlalchemy``.

Knows one table and two statements. Must not begin, commit or roll back anything but a savepoint:
the transaction is the handler's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session

from hookseal.inbox import DEFAULT_TABLE, MAX_TEXT, NotInTransactionError, inbox_row, purge_before
from hookseal.verify import WebhookEvent

__all__ = ["Inbox"]

AnyConnection: TypeAlias = sa.Connection | Session | scoped_session[Session]
AnyAsyncConnection: TypeAlias = AsyncConnection | AsyncSession | async_scoped_session[AsyncSession]

# Both spell it ON CONFLICT DO NOTHING; others are asked to insert inside of a savepoint.
_INSERTS: dict[str, Callable[[sa.Table], Any]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


class Inbox:
    """Events that took effect, in a table of the database that the effects are in.

    ``metadata`` is that of your models: then :attr:`table` is created and migrated with them.
    """

    def __init__(
        self,
        metadata: sa.MetaData | None = None,
        *,
        table: str = DEFAULT_TABLE,
        schema: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.table = sa.Table(
            table,
            sa.MetaData() if metadata is None else metadata,
            sa.Column("source", sa.String(MAX_TEXT), primary_key=True),
            sa.Column("event_id", sa.String(MAX_TEXT), primary_key=True),
            sa.Column(
                "recorded_at", sa.BigInteger, nullable=False, index=True, comment="unix seconds"
            ),
            schema=schema,
        )
        """One row an event."""
        self._clock = clock

    def first_time(self, connection: AnyConnection, event: WebhookEvent) -> bool:
        """Record ``event`` in the transaction of a connection or session; False if it is there.

        While another transaction that recorded the event is open, this waits for its end. After a
        rollback it is the first time again. Raises
        :class:`~hookseal.inbox.NotInTransactionError` where the connection commits by itself.
        """
        row = inbox_row(event)
        values = {**row._asdict(), "recorded_at": int(self._clock())}
        real = self._real(connection)
        _refuse_autocommit(real)
        insert = _INSERTS.get(real.dialect.name)
        if insert is not None:
            table = self.table
            statement = insert(table).values(values).on_conflict_do_nothing()
            return real.execute(statement.returning(table.c.event_id)).first() is not None
        try:
            with real.begin_nested():
                real.execute(sa.insert(self.table).values(values))
        except IntegrityError:
            return False
        return True

    async def afirst_time(self, connection: AnyAsyncConnection, event: WebhookEvent) -> bool:
        """Do as :meth:`first_time` on an async connection or session."""
        return await (await self._areal(connection)).run_sync(self.first_time, event)

    def purge(
        self, connection: AnyConnection, *, older_than_days: float = 30, batch: int = 1000
    ) -> int:
        """Delete up to ``batch`` of the oldest rows and return how many; commit it yourself.

        Keep rows for longer than your senders retry and the ledger remembers.
        """
        columns = self.table.c
        before = purge_before(older_than_days, self._clock())
        old = (
            sa.select(columns.source, columns.event_id)
            .where(columns.recorded_at < before)
            .order_by(columns.recorded_at)
            .limit(batch)
        )
        real = self._real(connection)
        key = sa.tuple_(columns.source, columns.event_id)
        return real.execute(sa.delete(self.table).where(key.in_(old))).rowcount

    async def apurge(
        self, connection: AnyAsyncConnection, *, older_than_days: float = 30, batch: int = 1000
    ) -> int:
        """Do as :meth:`purge` on an async connection or session."""

        def purge(real: sa.Connection) -> int:
            return self.purge(real, older_than_days=older_than_days, batch=batch)

        return await (await self._areal(connection)).run_sync(purge)

    def _real(self, connection: AnyConnection) -> sa.Connection:
        if isinstance(connection, sa.Connection):
            return connection
        return connection.connection(bind_arguments={"clause": self.table})

    async def _areal(self, connection: AnyAsyncConnection) -> AsyncConnection:
        if isinstance(connection, AsyncConnection):
            return connection
        return await connection.connection(bind_arguments={"clause": self.table})


def _refuse_autocommit(connection: sa.Connection) -> None:
    given = connection.get_execution_options().get("isolation_level")
    # The level that create_engine was given has no public name.
    level = given or getattr(connection.dialect, "_on_connect_isolation_level", None)
    if level == "AUTOCOMMIT":
        raise NotInTransactionError(
            "first_time: the isolation level is AUTOCOMMIT, which commits every statement by "
            "itself. Use a connection or session that begins a transaction."
        )
