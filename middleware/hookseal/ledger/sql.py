"""The ledger in a PostgreSQL database, through SQLAlchemy 2 Core.

Knows one statement a transition, each its own transaction, on the database's clock. Needs
``sqlalchemy`` and a driver. The table is :data:`ledger_table`, for a migration of your own, or
made by ``create_table``.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import logging
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hookseal.errors import ConfigError
from hookseal.ledger.base import Claimed, Done, InFlight, Outcome, Reply
from hookseal.ledger.packing import pack, unpack
from hookseal.ledger.reach import unreachable

__all__ = ["AsyncSQLLedger", "SQLLedger", "ledger_table"]

SEVEN_DAYS = 7 * 24 * 3600.0
DEFAULT_PURGE_EVERY = 500
_PURGED_PER_CLAIM = 2
"""Above 1, so that expired rows go faster than new ones come."""

_log = logging.getLogger("hookseal.ledger")

Parameters: TypeAlias = Mapping[str, Any]
Result = TypeVar("Result")

ledger_table = sa.Table(
    "hookseal_ledger",
    sa.MetaData(),
    sa.Column("key", sa.LargeBinary, primary_key=True, comment="names the event"),
    sa.Column("token", sa.LargeBinary, comment="the claimant; NULL once released or done"),
    sa.Column(
        "attempt", sa.Integer, nullable=False, comment="1, and 1 more for each lease that ran out"
    ),
    sa.Column("fingerprint", sa.BigInteger, nullable=False, comment="of the body"),
    sa.Column("leased_until", sa.DateTime(timezone=True), comment="NULL once done"),
    sa.Column(
        "kept_until",
        sa.DateTime(timezone=True),
        nullable=False,
        index=True,
        comment="when the row may go",
    ),
    sa.Column("reply", sa.LargeBinary, comment="of the handler; NULL until done"),
)
"""One row an event."""

_TYPES = {
    "key": sa.LargeBinary,
    "token": sa.LargeBinary,
    "fingerprint": sa.BigInteger,
    "lease": sa.Double,
    "abandoned": sa.Double,
    "retention": sa.Double,
    "reply": sa.LargeBinary,
    "batch": sa.Integer,
}


def _statement(text: str) -> sa.TextClause:
    """Return ``text`` with the types of its parameters, which not every driver works out."""
    clause = sa.text(text)
    names = clause.compile().params
    return clause.bindparams(*(sa.bindparam(name, type_=_TYPES[name]) for name in names))


# The read is of the moment the statement began, so that it can miss a row that another claim has
# made since: then nothing is returned, and the statement is run again. A claim whose token is in
# place already is one that the driver sends again because it had no answer.
_CLAIM = _statement("""\
WITH taken AS (
  INSERT INTO hookseal_ledger AS held
    (key, token, attempt, fingerprint, leased_until, kept_until)
  VALUES (
    :key, :token, 1, :fingerprint,
    clock_timestamp() + :lease * interval '1 second',
    clock_timestamp() + (:lease + :abandoned) * interval '1 second'
  )
  ON CONFLICT (key) DO UPDATE SET
    token = excluded.token,
    attempt = CASE
      WHEN held.leased_until IS NULL THEN 1
      WHEN held.token = excluded.token THEN held.attempt
      ELSE held.attempt + 1 END,
    fingerprint = excluded.fingerprint,
    leased_until = excluded.leased_until,
    kept_until = excluded.kept_until,
    reply = NULL
  WHERE held.token = excluded.token
    OR coalesce(held.leased_until, held.kept_until) <= clock_timestamp()
  RETURNING attempt
)
SELECT attempt, NULL::float8 AS lease_left, NULL::bigint AS fingerprint, NULL::bytea AS reply
  FROM taken
UNION ALL
SELECT NULL, extract(epoch FROM leased_until - clock_timestamp())::float8, fingerprint, reply
  FROM hookseal_ledger
  WHERE key = :key AND NOT EXISTS (SELECT FROM taken)
    AND (leased_until IS NOT NULL OR kept_until > clock_timestamp())
""")
_RENEW = _statement("""\
UPDATE hookseal_ledger SET
  leased_until = clock_timestamp() + :lease * interval '1 second',
  kept_until = clock_timestamp() + (:lease + :abandoned) * interval '1 second'
WHERE key = :key AND token = :token
""")
_COMPLETE = _statement("""\
UPDATE hookseal_ledger SET
  token = NULL, leased_until = NULL, reply = :reply,
  kept_until = clock_timestamp() + :retention * interval '1 second'
WHERE key = :key AND token = :token
""")
# A row goes one of two ways; that which stays is kept as long as that of an abandoned claim.
_RELEASE = _statement("""\
WITH forgotten AS (
  DELETE FROM hookseal_ledger
  WHERE key = :key AND token = :token AND attempt = 1
  RETURNING key
), released AS (
  UPDATE hookseal_ledger SET token = NULL, leased_until = clock_timestamp()
  WHERE key = :key AND token = :token AND attempt > 1
  RETURNING key
)
SELECT key FROM forgotten UNION ALL SELECT key FROM released
""")
_PURGE = _statement("""\
DELETE FROM hookseal_ledger WHERE key IN (
  SELECT key FROM hookseal_ledger WHERE kept_until <= clock_timestamp()
  ORDER BY kept_until LIMIT :batch FOR UPDATE SKIP LOCKED
)
""")
_LOOK = sa.select(ledger_table).limit(0)


class _Settings:
    """What both forms share: parameters, and what the rows mean."""

    def __init__(self, engine: object, abandoned: float, purge_every: int | None) -> None:
        if purge_every is not None and purge_every < 1:
            raise ConfigError(f"purge_every: {purge_every}; it must be 1 or more, or None.")
        self.place = engine
        """Equal to that of another ledger where both keep their events in one store."""
        self._abandoned = abandoned
        self._purge_every = purge_every
        self._claims = itertools.count(1)

    def _claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Parameters:
        return {**self._renew(key, token, lease), "fingerprint": fingerprint}

    def _renew(self, key: bytes, token: bytes, lease: float) -> Parameters:
        return {"key": key, "token": token, "lease": lease, "abandoned": self._abandoned}

    def _batch_due(self) -> int:
        """Count a claim; return how many expired rows to delete now, most often 0."""
        every = self._purge_every
        due = every is not None and next(self._claims) % every == 0
        return (every or 0) * _PURGED_PER_CLAIM if due else 0


class SQLLedger(_Settings):
    """Claims and replies in the table ``hookseal_ledger`` of a PostgreSQL database.

    ``engine`` is an engine of SQLAlchemy or a URL; one made from a URL waits ``timeout`` seconds
    for a connection, and has the server end a statement that takes longer. A claim that was
    abandoned is remembered for ``abandoned`` seconds after its lease, so that the next attempt has
    a higher number. Each ``purge_every`` claims, expired rows are deleted; None to leave that to
    your own calls of :meth:`purge`. Raises :class:`ConfigError`.
    """

    blocking = True

    def __init__(
        self,
        engine: sa.Engine | str,
        *,
        timeout: float = 1.0,
        abandoned: float = SEVEN_DAYS,
        purge_every: int | None = DEFAULT_PURGE_EVERY,
    ) -> None:
        super().__init__(engine, abandoned, purge_every)
        if isinstance(engine, str):
            url = _url(engine, _SYNC_DRIVERS)
            engine = sa.create_engine(url, **_options(url, timeout))
        elif isinstance(cast("object", engine), AsyncEngine):
            raise ConfigError("ledger: the engine is async. Use AsyncSQLLedger with it.")
        self._engine = _autocommit(_postgresql(engine))

    def claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Outcome:
        """Claim the event for ``lease`` seconds, or say why not."""
        parameters = self._claim(key, token, lease, fingerprint)
        while not (rows := self._run(_rows, _CLAIM, parameters)):
            pass  # each turn, another request has made progress
        batch = self._batch_due()
        if batch:
            try:
                self.purge(batch)
            except SQLAlchemyError as error:
                _log_purge_failure(error)
        return _outcome(rows[0])

    def renew(self, key: bytes, token: bytes, lease: float) -> bool:
        """Make the claim last ``lease`` seconds from now; False if it is no longer held."""
        return self._run(_count, _RENEW, self._renew(key, token, lease)) == 1

    def complete(self, key: bytes, token: bytes, reply: Reply, retention: float) -> bool:
        """Keep ``reply`` for ``retention`` seconds; False if the claim is no longer held."""
        return self._run(_count, _COMPLETE, _completion(key, token, reply, retention)) == 1

    def release(self, key: bytes, token: bytes) -> bool:
        """End the claim; False if it is not held. A number above 1 is remembered."""
        return len(self._run(_rows, _RELEASE, {"key": key, "token": token})) == 1

    def purge(self, batch: int = 1000) -> int:
        """Delete up to ``batch`` rows whose time is over; return how many."""
        return self._run(_count, _PURGE, {"batch": batch})

    def create_table(self) -> None:
        """Make the table and its index where they are not there yet."""
        with self._engine.begin() as connection:
            ledger_table.create(connection, checkfirst=True)

    def check(self) -> None:
        """Raise :class:`ConfigError` if the database or the table cannot be used now."""
        try:
            self._run(_rows, _LOOK, {})
        except (OSError, SQLAlchemyError) as error:
            raise _unusable(self._engine.url, error) from error

    def close(self) -> None:
        """Close the connections. They are opened again when the ledger is used again."""
        self._engine.dispose()

    def _run(
        self,
        read: Callable[[sa.CursorResult[Any]], Result],
        statement: sa.Executable,
        parameters: Parameters,
    ) -> Result:
        try:
            with self._engine.connect() as connection:
                return read(connection.execute(statement, parameters))
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        # The server was restarted since; the pool has dropped its connections to the old one.
        with self._engine.connect() as connection:
            return read(connection.execute(statement, parameters))


class AsyncSQLLedger(_Settings):
    """The same for an event loop, with an async engine or a URL.

    From a URL it has an engine for each event loop that it is used on. A step that takes longer
    than ``timeout`` seconds raises :class:`TimeoutError`.
    """

    def __init__(
        self,
        engine: AsyncEngine | str,
        *,
        timeout: float = 1.0,
        abandoned: float = SEVEN_DAYS,
        purge_every: int | None = DEFAULT_PURGE_EVERY,
    ) -> None:
        super().__init__(engine, abandoned, purge_every)
        self._timeout = timeout
        self._engines: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncEngine] = (
            weakref.WeakKeyDictionary()
        )
        self._given: AsyncEngine | None = None
        if isinstance(engine, str):
            self._url = _url(engine, _ASYNC_DRIVERS)
        elif isinstance(cast("object", engine), AsyncEngine):
            self._url = engine.url
            self._given = _autocommit(_postgresql(engine))
        else:
            raise ConfigError("ledger: the engine is not async. Use SQLLedger with it.")

    async def claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Outcome:
        """Claim the event for ``lease`` seconds, or say why not."""
        parameters = self._claim(key, token, lease, fingerprint)
        while not (rows := await self._run(_rows, _CLAIM, parameters)):
            pass  # each turn, another request has made progress
        batch = self._batch_due()
        if batch:
            try:
                await self.purge(batch)
            except (TimeoutError, SQLAlchemyError) as error:
                _log_purge_failure(error)
        return _outcome(rows[0])

    async def renew(self, key: bytes, token: bytes, lease: float) -> bool:
        """Make the claim last ``lease`` seconds from now; False if it is no longer held."""
        return await self._run(_count, _RENEW, self._renew(key, token, lease)) == 1

    async def complete(self, key: bytes, token: bytes, reply: Reply, retention: float) -> bool:
        """Keep ``reply`` for ``retention`` seconds; False if the claim is no longer held."""
        return await self._run(_count, _COMPLETE, _completion(key, token, reply, retention)) == 1

    async def release(self, key: bytes, token: bytes) -> bool:
        """End the claim; False if it is not held. A number above 1 is remembered."""
        return len(await self._run(_rows, _RELEASE, {"key": key, "token": token})) == 1

    async def purge(self, batch: int = 1000) -> int:
        """Delete up to ``batch`` rows whose time is over; return how many."""
        return await self._run(_count, _PURGE, {"batch": batch})

    async def create_table(self) -> None:
        """Make the table and its index where they are not there yet."""
        async with self._engine().begin() as connection:
            await connection.run_sync(ledger_table.create, checkfirst=True)

    async def check(self) -> None:
        """Raise :class:`ConfigError` if the database or the table cannot be used now."""
        try:
            await self._run(_rows, _LOOK, {})
        except (OSError, SQLAlchemyError) as error:
            raise _unusable(self._url, error) from error

    async def aclose(self) -> None:
        """Close the connections of this event loop; call it before the loop ends."""
        engine = self._engines.pop(asyncio.get_running_loop(), None) or self._given
        if engine is not None:
            await engine.dispose()

    async def _run(
        self,
        read: Callable[[sa.CursorResult[Any]], Result],
        statement: sa.Executable,
        parameters: Parameters,
    ) -> Result:
        # A driver that is cancelled may wait for the server to agree: it is left to do so alone.
        running = asyncio.ensure_future(self._attempt(read, statement, parameters))
        try:
            done, _ = await asyncio.wait((running,), timeout=self._timeout)
        except asyncio.CancelledError:
            running.cancel()
            raise
        if not done:
            running.cancel()
            raise TimeoutError(f"the database took longer than {self._timeout} seconds")
        return running.result()

    async def _attempt(
        self,
        read: Callable[[sa.CursorResult[Any]], Result],
        statement: sa.Executable,
        parameters: Parameters,
    ) -> Result:
        engine = self._engine()
        try:
            async with engine.connect() as connection:
                return read(await connection.execute(statement, parameters))
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        # The server was restarted since; the pool has dropped its connections to the old one.
        async with engine.connect() as connection:
            return read(await connection.execute(statement, parameters))

    def _engine(self) -> AsyncEngine:
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        engine = self._engines.get(loop)
        if engine is None:
            engine = create_async_engine(self._url, **_options(self._url, self._timeout))
            self._engines[loop] = engine
        return engine


def _completion(key: bytes, token: bytes, reply: Reply, retention: float) -> Parameters:
    return {"key": key, "token": token, "reply": pack(reply), "retention": retention}


def _rows(result: sa.CursorResult[Any]) -> list[Any]:
    return list(result.all())


def _count(result: sa.CursorResult[Any]) -> int:
    return result.rowcount


def _outcome(row: tuple[int | None, float | None, int, bytes]) -> Outcome:
    attempt, lease_left, fingerprint, reply = row
    if attempt is not None:
        return Claimed(attempt)
    if lease_left is not None:
        return InFlight(max(0.0, lease_left))
    return Done(unpack(reply), fingerprint)


def _log_purge_failure(error: Exception) -> None:
    _log.warning("expired rows of the ledger were not deleted: %s", type(error).__name__)


# --- engines ---------------------------------------------------------------------------------

_CONNECTIONS = 10
_SYNC_DRIVERS = ("psycopg",)
_ASYNC_DRIVERS = ("psycopg", "asyncpg")
AnyEngine = TypeVar("AnyEngine", sa.Engine, AsyncEngine)


def _url(text: str, drivers: tuple[str, ...]) -> URL:
    """Return the URL with a driver: the one it names, or the first of ``drivers`` there is."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Without the cause: where a password is not %-escaped, it holds a piece of it.
        raise ConfigError(
            "ledger: the URL cannot be read. Write postgresql://user:password@host:5432/database, "
            "with %-escapes in the password."
        ) from None
    backend, _, named = url.drivername.partition("+")
    if backend not in {"postgresql", "postgres"}:
        raise _not_postgresql(backend)
    if named and named not in drivers:
        raise ConfigError(
            f"ledger: the driver {named!r} of the URL does not fit here. Write postgresql:// or "
            f"postgresql+{drivers[0]}://"
        )
    for driver in (named,) if named else drivers:
        if importlib.util.find_spec(driver) is not None:
            return url.set(drivername=f"postgresql+{driver}")
    raise ConfigError(
        f"ledger: the URL needs the driver {named or drivers[0]}, which is not installed. "
        "Run: pip install 'hookseal[sql]'"
    )


def _options(url: URL, timeout: float) -> dict[str, Any]:
    """Return the settings of an engine whose every wait ends."""
    milliseconds = round(timeout * 1000)
    if url.get_driver_name() == "asyncpg":
        connect: dict[str, Any] = {
            "timeout": timeout,
            "command_timeout": timeout,
            "server_settings": {"statement_timeout": str(milliseconds)},
        }
    else:
        connect = {
            "connect_timeout": max(2, round(timeout)),  # seconds, and libpq's least is 2
            "tcp_user_timeout": milliseconds,
            "options": f"-c statement_timeout={milliseconds}",
        }
        connect = {name: value for name, value in connect.items() if name not in url.query}
    return {
        "isolation_level": "AUTOCOMMIT",
        "skip_autocommit_rollback": True,
        "pool_size": _CONNECTIONS,
        "max_overflow": 0,  # those above the size would be made anew for each step
        "pool_timeout": timeout,
        "connect_args": connect,
    }


def _postgresql(engine: AnyEngine) -> AnyEngine:
    if engine.dialect.name != "postgresql":
        raise _not_postgresql(engine.dialect.name)
    return engine


def _not_postgresql(backend: str) -> ConfigError:
    return ConfigError(
        f"ledger: {backend!r} databases are not supported here. Use PostgreSQL, or "
        "'sqlite:///path' with SQLiteLedger for one machine."
    )


def _autocommit(engine: AnyEngine) -> AnyEngine:
    """Return the engine that commits each statement; it shares its pool with the given one."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _unusable(url: URL, error: Exception) -> ConfigError:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if "hookseal_ledger" in str(cause):
        return ConfigError(
            "ledger: the database has no usable table hookseal_ledger. Call create_table() once, "
            "or put hookseal.ledger.sql.ledger_table into a migration."
        )
    password = None if url.password is None else str(url.password)
    return unreachable(f"{url.host or 'localhost'}:{url.port or 5432}", cause, password)
