"""The inbox through SQLAlchemy: four kinds of connection, SQLite and a real PostgreSQL server."""

import asyncio
import contextlib
import threading

import pytest

pytest.importorskip("sqlalchemy")

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext import asyncio as sa_async

import hookseal.inbox.sqlalchemy
from hookseal.inbox import NotInTransactionError
from hookseal.inbox.sqlalchemy import Inbox
from hookseal.testing import FakeClock
from tests.stores import servers

from .support import DAY, SECONDS, event

metadata = sa.MetaData()
inbox = Inbox(metadata)
effects = sa.Table("effects_of_models", metadata, sa.Column("event_id", sa.String(255)))


def sqlite_url(folder, driver=""):
    return f"sqlite{driver}:///{folder / 'app.db'}"


def psycopg_url():
    servers.needs("psycopg")
    return servers.postgresql_url().replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request, tmp_path):
    """An engine on a database with empty tables."""
    if request.param == "sqlite":
        url, settings = sqlite_url(tmp_path), {"connect_args": {"timeout": SECONDS}}
    else:
        url, settings = psycopg_url(), {}
    engine = sa.create_engine(url, **settings)
    metadata.drop_all(engine)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["connection", "session", "scoped_session"])
def begin(request, engine):
    """Opens transactions, by one of the ways there are."""
    if request.param == "connection":
        return engine.begin
    if request.param == "session":
        return orm.sessionmaker(engine).begin

    @contextlib.contextmanager
    def scoped():
        session = orm.scoped_session(orm.sessionmaker(engine))
        with session.begin():
            yield session
        session.remove()

    return scoped


def count(engine, table):
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


class Undone(Exception):
    pass


def test_an_event_is_the_first_time_once(begin):
    with begin() as transaction:
        assert [inbox.first_time(transaction, event()) for _ in range(2)] == [True, False]
    with begin() as transaction:
        assert not inbox.first_time(transaction, event())
        assert inbox.first_time(transaction, event(source="globex"))


def test_a_rollback_makes_it_the_first_time_again(begin, engine):
    for ends in (Undone, None):
        with contextlib.suppress(Undone), begin() as transaction:
            assert inbox.first_time(transaction, event())
            transaction.execute(sa.insert(effects).values(event_id="evt_1"))
            if ends is not None:
                raise ends
    assert count(engine, effects) == 1


@pytest.mark.parametrize("committed", [True, False])
def test_of_two_that_race_the_second_waits_for_the_first(engine, committed):
    began, told = threading.Event(), []

    def second():
        began.set()
        with engine.begin() as connection:
            told.append(inbox.first_time(connection, event()))

    thread = threading.Thread(target=second)
    with engine.connect() as connection:
        assert inbox.first_time(connection, event())
        thread.start()
        assert began.wait(SECONDS)
        assert not told
        connection.commit() if committed else connection.rollback()
    thread.join(SECONDS)
    assert told == [not committed]


def test_of_many_at_once_one_takes_effect(engine):
    barrier, told = threading.Barrier(4), []

    def handle():
        barrier.wait(SECONDS)
        with orm.Session(engine) as session, session.begin():
            first = inbox.first_time(session, event())
            if first:
                session.execute(sa.insert(effects).values(event_id="evt_1"))
        told.append(first)

    threads = [threading.Thread(target=handle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(told) == [False] * 3 + [True]
    assert count(engine, effects) == 1


def test_databases_of_another_dialect_insert_inside_of_a_savepoint(monkeypatch):
    # Shown on PostgreSQL: SQLite's driver has savepoints begin transactions.
    engine = sa.create_engine(psycopg_url())
    metadata.drop_all(engine)
    metadata.create_all(engine)
    monkeypatch.setattr(hookseal.inbox.sqlalchemy, "_INSERTS", {})
    with engine.begin() as connection:
        assert [inbox.first_time(connection, event()) for _ in range(2)] == [True, False]
        connection.execute(sa.insert(effects).values(event_id="evt_1"))  # still usable
    assert count(engine, effects) == 1
    engine.dispose()


def test_a_purge_takes_the_oldest_in_batches(begin):
    clock = FakeClock()
    timed = Inbox(clock=clock)
    for number in range(5):
        with begin() as transaction:
            timed.first_time(transaction, event(f"evt_{number}"))
        clock.advance(DAY)
    with begin() as transaction:
        purged = [timed.purge(transaction, older_than_days=2.5, batch=2) for _ in range(3)]
    assert purged == [2, 1, 0]
    with begin() as transaction:
        again = [timed.first_time(transaction, event(f"evt_{number}")) for number in range(5)]
    assert again == [True, True, True, False, False]


@pytest.mark.parametrize("where", ["engine", "connection", "session"])
def test_autocommit_is_refused(engine, where):
    if where == "engine":
        engine = sa.create_engine(engine.url, isolation_level="AUTOCOMMIT")
    elif where == "connection":
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    options = {"execution_options": {"isolation_level": "AUTOCOMMIT"}}
    with orm.Session(engine) as session:
        if where == "session":
            session.connection(**options)
        with pytest.raises(NotInTransactionError, match="AUTOCOMMIT"):
            inbox.first_time(session, event())
    engine.dispose()


def test_a_level_of_ones_own_on_an_engine_in_autocommit_is_taken(engine):
    engine = sa.create_engine(engine.url, isolation_level="AUTOCOMMIT")
    own = engine.execution_options(isolation_level="SERIALIZABLE")
    with own.begin() as connection:
        assert inbox.first_time(connection, event())
    engine.dispose()


def test_a_session_with_a_database_for_each_table_uses_that_of_the_inbox(engine):
    with orm.Session(binds={inbox.table: engine}) as session, session.begin():
        assert inbox.first_time(session, event())
    assert count(engine, inbox.table) == 1


def test_the_table_is_one_of_the_users_metadata():
    mine = sa.MetaData()
    other = Inbox(mine, table="received", schema="webhooks")
    assert mine.tables["webhooks.received"] is other.table
    assert [column.name for column in other.table.primary_key] == ["source", "event_id"]
    assert metadata.tables["hookseal_inbox"] is inbox.table


# --- async -----------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def async_url(request, tmp_path):
    servers.needs("greenlet")
    if request.param == "sqlite":
        servers.needs("aiosqlite")
        url = sqlite_url(tmp_path, "+aiosqlite")
        sync = sa.create_engine(sqlite_url(tmp_path))
    else:
        url = psycopg_url()
        sync = sa.create_engine(url)
    metadata.drop_all(sync)
    metadata.create_all(sync)
    sync.dispose()
    return url


@contextlib.asynccontextmanager
async def opened(url, kind):
    """One transaction, by one of the ways there are."""
    engine = sa_async.create_async_engine(url)
    maker = sa_async.async_sessionmaker(engine)
    try:
        if kind == "connection":
            async with engine.begin() as connection:
                yield connection
        elif kind == "session":
            async with maker.begin() as session:
                yield session
        else:
            scoped = sa_async.async_scoped_session(maker, asyncio.current_task)
            async with scoped.begin():
                yield scoped
            await scoped.remove()
    finally:
        await engine.dispose()


@pytest.mark.parametrize("kind", ["connection", "session", "scoped_session"])
def test_async_an_event_is_the_first_time_once_unless_rolled_back(async_url, kind):
    async def attempt(*, fails):
        async with opened(async_url, kind) as transaction:
            first = await inbox.afirst_time(transaction, event())
            if fails:
                raise Undone
            return first

    async def attempts():
        with contextlib.suppress(Undone):
            await attempt(fails=True)
        return [await attempt(fails=False) for _ in range(2)]

    assert asyncio.run(attempts()) == [True, False]


@pytest.mark.parametrize("kind", ["connection", "session"])
def test_async_a_purge(async_url, kind):
    clock = FakeClock()
    timed = Inbox(clock=clock)

    async def purge():
        async with opened(async_url, kind) as transaction:
            await timed.afirst_time(transaction, event("old"))
            clock.advance(31 * DAY)
            await timed.afirst_time(transaction, event("new"))
            return [await timed.apurge(transaction) for _ in range(2)]

    assert asyncio.run(purge()) == [1, 0]


def test_async_two_that_race_take_effect_once(async_url):
    async def handle(engine):
        async with sa_async.AsyncSession(engine) as session, session.begin():
            return await inbox.afirst_time(session, event())

    async def race():
        engine = sa_async.create_async_engine(async_url)
        try:
            return await asyncio.gather(handle(engine), handle(engine))
        finally:
            await engine.dispose()

    assert sorted(asyncio.run(race())) == [False, True]
