"""The database: transactions in threads, its clock, and word of new work.

Knows threads, retries and how failures are named. Must not know tables or statements.

On SQLite one thread writes, so that writers never wait for each other's locks, and two read beside
it. On PostgreSQL several of each work at once.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError

from hookseal_sender.errors import Conflict, ReadTooLong, StartError, StoreUnavailable, Unstorable
from hookseal_sender.store.backend import READ_SECONDS, take_arrivals
from hookseal_sender.store.notify import Announcer
from hookseal_sender.store.postgresql import open_postgresql
from hookseal_sender.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Concatenate

    from hookseal_sender.store.backend import Backend, Clock, Dialect

__all__ = ["Database", "parse_database_url"]

ResultT = TypeVar("ResultT")
P = ParamSpec("P")
_GIVEN_UP = {"SQLITE_INTERRUPT", "QueryCanceled"}
_UNDONE = "DeadlockDetected"
_RUNS = 4  # of a transaction that is undone each time
_EXAMPLES = "write one such as sqlite:///hookseal.db or postgresql://user@host/name"


def parse_database_url(text: str) -> URL:
    """Return the URL with the driver to use. Raises StartError for what is no such URL."""
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except ArgumentError:
        raise StartError(f"database URL: this is not a URL; {_EXAMPLES}") from None
    if backend in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return url
    raise StartError(f"database URL: {backend!r} is not supported; {_EXAMPLES}")


class Database:
    """A database of either kind; made by :meth:`open`.

    ``arrivals`` is set whenever there may be a delivery to claim, in this process or another.
    ``clock`` returns unix milliseconds, the one clock that leases are on.
    """

    def __init__(self, backend: Backend, url: URL, clock: Clock | None = None) -> None:
        self.arrivals = asyncio.Event()
        self.clock = clock or backend.clock
        self._backend = backend
        self._writers = ThreadPoolExecutor(backend.writers, thread_name_prefix="hookseal-write")
        self._readers = ThreadPoolExecutor(backend.readers, thread_name_prefix="hookseal-read")
        self._announcer = Announcer(url, self.arrivals) if self.dialect == "postgresql" else None

    @classmethod
    def open(
        cls,
        url: str,
        *,
        pool: int = 8,
        clock: Clock | None = None,
        read_seconds: float = READ_SECONDS,
    ) -> Database:
        """Return the database of ``url``; ``pool`` bounds the connections to PostgreSQL.

        A read that takes longer than ``read_seconds`` is given up. ``clock`` is the database's own
        unless a test replaces it. Raises
        :class:`~hookseal_sender.errors.StartError` if the database cannot be used.
        """
        parsed = parse_database_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        backend = (
            open_sqlite(parsed, read_seconds=read_seconds)
            if sqlite
            else open_postgresql(parsed, pool, read_seconds=read_seconds)
        )
        return cls(backend, parsed, clock)

    @property
    def dialect(self) -> Dialect:
        """``sqlite`` or ``postgresql``."""
        return self._backend.dialect

    async def write(
        self,
        work: Callable[Concatenate[Connection, int, P], ResultT],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> ResultT:
        """Return ``work(connection, now_ms, ...)``, run in one transaction that is durable.

        ``work`` is run again where the database undid it because it and another waited for each
        other. Raises Conflict for a row that exists, Unstorable for a value no column can hold, and
        StoreUnavailable, upon which nobody can tell whether the transaction was committed.
        """
        return await self._transact(
            self._backend.durable,
            lambda connection, now_ms: work(connection, now_ms, *args, **kwargs),
        )

    async def write_relaxed(
        self,
        work: Callable[Concatenate[Connection, int, P], ResultT],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> ResultT:
        """Do as :meth:`write`, but sync nothing: a power cut may undo it, a crash may not."""
        return await self._transact(
            self._backend.relaxed,
            lambda connection, now_ms: work(connection, now_ms, *args, **kwargs),
        )

    async def read(
        self,
        work: Callable[Concatenate[Connection, P], ResultT],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> ResultT:
        """Return ``work(connection, ...)``; run again if the connection turns out to be dead.

        Raises ReadTooLong if that takes longer than a read may, and StoreUnavailable.
        """
        engine = self._backend.reading

        def look() -> ResultT:
            with engine.connect() as connection:
                return work(connection, *args, **kwargs)

        return await self._run(self._readers, functools.partial(_again_if_dead, look))

    def listen(self) -> None:
        """Hear from now on what other processes tell; needs a running event loop."""
        if self._announcer is not None:
            self._announcer.listen()

    async def close(self) -> None:
        """Let what runs end, and close every connection."""
        if self._announcer is not None:
            await self._announcer.close()
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._writers.shutdown()
        self._readers.shutdown()
        self._backend.dispose()

    async def _transact(
        self, engine: Engine, work: Callable[[Connection, int], ResultT]
    ) -> ResultT:
        loop = asyncio.get_running_loop()

        def transaction() -> ResultT:
            # A connection that died while it was idle is found out here, before anything is done.
            connection, now_ms = _again_if_dead(functools.partial(self._begin, engine))
            with connection:
                result = work(connection, now_ms)
                arrived = take_arrivals(connection)
                connection.commit()
            if arrived:
                loop.call_soon_threadsafe(self._announce)
            return result

        return await self._run(self._writers, functools.partial(_again_if_undone, transaction))

    def _begin(self, engine: Engine) -> tuple[Connection, int]:
        connection = engine.connect()
        try:
            connection.begin()
            take_arrivals(connection)  # of a transaction that failed
            return connection, self.clock(connection)
        except BaseException:
            connection.close()
            raise

    def _announce(self) -> None:
        self.arrivals.set()
        if self._announcer is not None:
            self._announcer.announce()

    async def _run(self, executor: ThreadPoolExecutor, work: Callable[[], ResultT]) -> ResultT:
        with _named_failures():
            return await asyncio.get_running_loop().run_in_executor(executor, work)


def _again_if_dead(work: Callable[[], ResultT]) -> ResultT:
    try:
        return work()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return work()  # the pool has let go of every connection of that age


def _again_if_undone(work: Callable[[], ResultT]) -> ResultT:
    for _ in range(_RUNS - 1):
        try:
            return work()
        except DBAPIError as error:
            if _kind(error) != _UNDONE:
                raise
    return work()


@contextmanager
def _named_failures() -> Generator[None]:
    """Turn what the database raised into our errors, without what it says of rows and values."""
    try:
        yield
    except (IntegrityError, sqlite3.IntegrityError):
        raise Conflict("another one with this uid exists already") from None
    except (DataError, UnicodeError, OverflowError):
        raise Unstorable("a value holds what the database cannot keep, such as NUL") from None
    except (SQLAlchemyError, sqlite3.Error) as error:
        kind = _kind(error)
        if kind in _GIVEN_UP:
            raise ReadTooLong(
                "the database took too long to find this; ask for less, such as a shorter time or "
                "one endpoint"
            ) from None
        raise StoreUnavailable(f"the database failed: {kind}") from None


def _kind(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlite_errorname", type(cause).__name__))
