"""The inbox on plain connections, of SQLite and of a real PostgreSQL server."""

import sqlite3
import threading
import types

import pytest

from hookseal import ConfigError
from hookseal.inbox import NotInTransactionError
from hookseal.inbox.dbapi import Inbox
from hookseal.testing import FakeClock
from tests.stores import servers

from .support import DAY, SECONDS, event


@pytest.fixture
def sqlite(tmp_path):
    return lambda **settings: sqlite3.connect(
        tmp_path / "app.db", timeout=SECONDS, check_same_thread=False, **settings
    )


@pytest.fixture
def postgresql():
    psycopg = servers.needs("psycopg")
    return lambda **settings: psycopg.connect(servers.postgresql_url(), **settings)


@pytest.fixture(params=["sqlite", "postgresql"])
def connect(request):
    """Opens connections to one empty database."""
    opened = []
    opening = request.getfixturevalue(request.param)

    def connect(**settings):
        opened.append(opening(**settings))
        return opened[-1]

    with_tables = connect()
    cursor = with_tables.cursor()
    cursor.execute("DROP TABLE IF EXISTS hookseal_inbox")
    cursor.execute("DROP TABLE IF EXISTS effects")
    cursor.execute("CREATE TABLE effects (event_id VARCHAR(255))")
    Inbox().create_table(with_tables)
    with_tables.commit()
    yield connect
    for connection in opened:
        connection.close()


def take_effect(connection, one):
    cursor = connection.cursor()
    cursor.execute(f"INSERT INTO effects VALUES ('{one.id}')")
    cursor.close()


def effects(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT event_id FROM effects ORDER BY event_id")
    found = [event_id for (event_id,) in cursor.fetchall()]
    connection.rollback()
    return found


def test_an_event_is_the_first_time_once(connect):
    inbox, connection = Inbox(), connect()
    assert [inbox.first_time(connection, event()) for _ in range(3)] == [True, False, False]
    connection.commit()
    assert not inbox.first_time(connect(), event())


def test_sources_have_ids_of_their_own(connect):
    inbox, connection = Inbox(), connect()
    assert inbox.first_time(connection, event(source="acme"))
    assert inbox.first_time(connection, event(source="globex"))


def test_nothing_is_committed_and_a_rollback_makes_it_the_first_time_again(connect):
    inbox, connection = Inbox(), connect()
    assert inbox.first_time(connection, event())
    take_effect(connection, event())
    connection.rollback()
    assert effects(connection) == []
    assert inbox.first_time(connection, event())
    take_effect(connection, event())
    connection.commit()
    assert effects(connect()) == ["evt_1"]


def race(connect, end):
    """Two transactions record one event; the second begins while the first is open.

    ``end`` ends the first. Returns what the second was told.
    """
    inbox = Inbox()
    one, other = connect(), connect()
    assert inbox.first_time(one, event())
    began, told = threading.Event(), []

    def second():
        began.set()
        told.append(inbox.first_time(other, event()))
        other.commit()

    thread = threading.Thread(target=second)
    thread.start()
    assert began.wait(SECONDS)
    assert not told  # whichever way it is scheduled: the first has not ended
    end(one)
    thread.join(SECONDS)
    return told


def test_of_two_that_race_the_second_waits_and_sees_it_done(connect):
    assert race(connect, lambda connection: connection.commit()) == [False]


def test_of_two_that_race_the_second_is_first_if_the_first_rolls_back(connect):
    assert race(connect, lambda connection: connection.rollback()) == [True]


def test_of_many_at_once_one_takes_effect(connect):
    inbox, gate, told = Inbox(), threading.Barrier(8), []

    def handle(connection):
        gate.wait(SECONDS)
        first = inbox.first_time(connection, event())
        if first:
            take_effect(connection, event())
        connection.commit()
        told.append(first)

    connections = [connect() for _ in range(8)]
    threads = [threading.Thread(target=handle, args=(one,)) for one in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(told) == [False] * 7 + [True]
    assert effects(connect()) == ["evt_1"]


def test_a_purge_takes_the_oldest_in_batches(connect):
    clock = FakeClock()
    inbox, connection = Inbox(clock=clock), connect()
    for number in range(5):
        inbox.first_time(connection, event(f"evt_{number}"))
        clock.advance(DAY)
    connection.commit()
    purge = {"older_than_days": 2.5, "batch": 2}
    assert [inbox.purge(connection, **purge) for _ in range(3)] == [2, 1, 0]
    connection.commit()
    still_there = [not inbox.first_time(connection, event(f"evt_{number}")) for number in range(5)]
    assert still_there == [False, False, False, True, True]


# --- connections that commit by themselves ----------------------------------------------------


def test_sqlite_in_autocommit_is_refused_outside_of_a_transaction(sqlite):
    inbox, connection = Inbox(), sqlite(isolation_level=None)
    inbox.create_table(connection)
    with pytest.raises(NotInTransactionError, match="transaction"):
        inbox.first_time(connection, event())
    connection.execute("BEGIN")
    assert inbox.first_time(connection, event())
    connection.execute("ROLLBACK")
    connection.execute("BEGIN")
    assert inbox.first_time(connection, event())
    connection.close()


def test_a_connection_of_python_3_12_that_commits_by_itself_is_refused():
    connection = types.SimpleNamespace(autocommit=True, in_transaction=False, isolation_level="")
    with pytest.raises(NotInTransactionError):
        Inbox().first_time(connection, event())


def test_postgresql_in_autocommit_is_refused_outside_of_a_transaction(postgresql):
    inbox, connection = Inbox(table="autocommitted"), postgresql(autocommit=True)
    inbox.create_table(connection)
    with pytest.raises(NotInTransactionError):
        inbox.first_time(connection, event())
    with connection.transaction(force_rollback=True):
        assert inbox.first_time(connection, event())
    with connection.transaction(force_rollback=True):
        assert inbox.first_time(connection, event())
    connection.close()


# --- settings --------------------------------------------------------------------------------


def test_the_table_has_the_name_it_is_given(sqlite):
    inbox, connection = Inbox(table="main.received_webhooks"), sqlite()
    with pytest.raises(sqlite3.OperationalError):  # which SQLite's CREATE INDEX does not take
        inbox.create_table(connection)
    inbox = Inbox(table="received_webhooks")
    inbox.create_table(connection)
    assert inbox.first_time(connection, event())
    assert connection.execute("SELECT source, event_id FROM received_webhooks").fetchall() == [
        ("acme", "evt_1")
    ]
    connection.close()


@pytest.mark.parametrize("table", ["", "a b", "x; DROP TABLE users", "a.b.c", '"quoted"', "1x"])
def test_what_is_no_name_of_a_table_is_refused(table):
    with pytest.raises(ConfigError, match="table"):
        Inbox(table=table)


def test_a_paramstyle_nobody_has_is_refused():
    with pytest.raises(ConfigError, match="paramstyle"):
        Inbox(paramstyle="named")


class Wrapped:
    """A connection of a pool, which does not say whose it is."""

    def __init__(self, connection):
        self._connection = connection

    def cursor(self):
        return self._connection.cursor()


def test_a_connection_that_does_not_tell_its_paramstyle_needs_it_told(sqlite):
    connection = sqlite()
    Inbox().create_table(connection)
    with pytest.raises(ConfigError, match="paramstyle"):
        Inbox().first_time(Wrapped(connection), event())
    assert Inbox(paramstyle="qmark").first_time(Wrapped(connection), event())
    assert not Inbox(paramstyle="numeric").first_time(Wrapped(connection), event())
    connection.close()


def test_a_class_derived_from_the_drivers_has_its_paramstyle(sqlite):
    class Mine(sqlite3.Connection):
        pass

    connection = sqlite(factory=Mine)
    Inbox().create_table(connection)
    assert Inbox().first_time(connection, event())
    connection.close()


def test_an_async_connection_is_refused_with_what_to_use():
    class Cursor:
        async def execute(self, statement, parameters): ...

    connection = types.SimpleNamespace(cursor=Cursor)
    with pytest.raises(ConfigError, match=r"hookseal\.inbox\.sqlalchemy"):
        Inbox(paramstyle="format").first_time(connection, event())
