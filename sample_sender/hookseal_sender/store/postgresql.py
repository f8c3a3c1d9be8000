"""PostgreSQL as the database: its settings, its pools, its clock.

Knows psycopg. Must not know threads or tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from hookseal_sender.errors import Unreachable
from hookseal_sender.store.backend import READ_SECONDS, Backend

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["CONNECT_ARGUMENTS", "open_postgresql", "shown_database"]

_SETTINGS = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    # Every statement finds its rows by an index. What the planner knows of tables that grow from
    # nothing to millions within minutes is too old to choose anything else by.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # Nor by sorting all that there is instead of reading as much as is wanted of an index in order.
    "enable_sort": "off",
    "jit": "off",
}
CONNECT_ARGUMENTS: dict[str, Any] = {
    "application_name": "hookseal-sender",
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "tcp_user_timeout": 30_000,
    "options": " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items()),
}
"""How every connection is made, unless the URL says otherwise."""
_CLOCK = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_MIN_CONNECTIONS = 4


def open_postgresql(url: URL, connections: int, *, read_seconds: float = READ_SECONDS) -> Backend:
    """Return the database of ``url``, to be used over up to so many connections, at least four.

    A statement that only reads ends in an error after ``read_seconds``.

    Raises :class:`~hookseal_sender.errors.Unreachable` if it cannot be reached.
    """
    readers = max(1, connections // 3)
    # Publishes, results, claims and changes of the catalog run at once.
    writers = max(_MIN_CONNECTIONS, connections) - readers
    durable = _engine(url, writers)
    # A claim that is lost in a power cut is made again.
    relaxed = durable.execution_options(relaxed=True)
    reading = _engine(url, readers, isolation_level="AUTOCOMMIT")
    timeout = f"SET statement_timeout = {round(read_seconds * 1000)}"

    def bound(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.cursor().execute(timeout)

    event.listen(reading, "connect", bound)
    try:
        with durable.connect() as connection:
            _clock(connection)
    except DBAPIError as error:
        durable.dispose()
        raise Unreachable(
            f"database {shown_database(url)}: {_first_line(error)}; "
            "is the server running, and the URL right?"
        ) from None
    return Backend(
        dialect="postgresql",
        durable=durable,
        relaxed=relaxed,
        reading=reading,
        writers=writers,
        readers=readers,
        clock=_clock,
    )


def shown_database(url: URL) -> str:
    """Return the database for people: without user and parameters, where passwords are as well."""
    return URL.create(
        "postgresql", host=url.host, port=url.port, database=url.database
    ).render_as_string()


def _engine(url: URL, connections: int, **options: Any) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=10,
        pool_use_lifo=True,  # the others are closed when nothing uses them for long
        hide_parameters=True,
        connect_args={
            name: value for name, value in CONNECT_ARGUMENTS.items() if name not in url.query
        },
        **options,
    )
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_begin(connection: Connection) -> None:
    if connection.get_execution_options().get("relaxed"):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _clock(connection: Connection) -> int:
    return int(connection.exec_driver_sql(_CLOCK).scalar_one())


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__
