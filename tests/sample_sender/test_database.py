"""The database: transactions, failures and their names, word of new work."""

import asyncio
import contextlib
import logging
import os
import stat
import threading
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from hookseal_sender.errors import Conflict, ReadTooLong, StartError, StoreUnavailable, Unstorable
from hookseal_sender.store.backend import tell_arrivals
from hookseal_sender.store.batch import Batcher
from hookseal_sender.store.database import Database
from hookseal_sender.store.notify import Announcer
from tests.ports import free_port

pytestmark = pytest.mark.anyio
ROW = "INSERT INTO organisation (id, name, created_ms) VALUES (:id, :name, 0)"


@pytest.fixture
async def database(database_url):
    database = Database.open(database_url)
    yield database
    await database.close()


def insert(connection, _now_ms, name, **more):
    connection.execute(text(ROW), {"id": "org_" + name, "name": name})


def names(connection):
    return list(connection.execute(text("SELECT name FROM organisation ORDER BY name")).scalars())


async def test_a_write_is_a_transaction_and_a_read_sees_it(database):
    await database.write(insert, "a")
    await database.write_relaxed(insert, name="b")

    def broken(connection, now_ms):
        insert(connection, now_ms, "c")
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        await database.write(broken)
    assert await database.read(names) == ["a", "b"]


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


async def test_a_read_that_takes_too_long_is_given_up(database_url):
    database = Database.open(database_url, read_seconds=0.1)
    try:
        for _ in range(2):
            with pytest.raises(ReadTooLong, match="ask for less") as caught:
                await database.read(lambda connection: connection.execute(text(ENDLESS)).scalar())
            assert (caught.value.status_hint, caught.value.code) == (503, "read_timeout")
        await database.write(insert, "a")
        assert await database.read(names) == ["a"]
    finally:
        await database.close()


async def test_writes_and_reads_run_beside_each_other(database):
    await asyncio.gather(
        *(database.write(insert, f"n{n}") for n in range(20)),
        *(database.read(names) for _ in range(20)),
    )
    assert len(await database.read(names)) == 20


async def test_the_clock_is_the_databases_in_unix_milliseconds(database, clock, database_url):
    def now(connection, now_ms):
        return now_ms, connection.execute(text("SELECT CURRENT_TIMESTAMP")).scalar()

    now_ms, stamp = await database.write(now)
    assert await database.read(database.clock) >= now_ms
    year = int(str(stamp)[:4])
    assert abs(now_ms / 1000 / 86400 / 365.2425 + 1970 - year) < 1.1
    fixed = Database.open(database_url, clock=clock.database)
    assert (await fixed.write(now))[0] == clock.now_ms
    await fixed.close()


async def test_failures_have_names_and_say_nothing_of_values(database):
    await database.write(insert, "secret")
    with pytest.raises(Conflict) as conflict:
        await database.write(insert, "secret")
    with pytest.raises(Unstorable) as unstorable:
        await database.write(insert, "secret\ud800")
    with pytest.raises(StoreUnavailable) as unavailable:
        await database.write(lambda connection, _: connection.execute(text("SELECT secret")))
    for error in (conflict, unstorable, unavailable):
        assert "secret" not in str(error.value)
        assert error.value.__suppress_context__


async def test_text_with_nul_is_unstorable_or_kept(database):
    try:
        await database.write(insert, "a\0b")
    except Unstorable:
        assert database.dialect == "postgresql"
    else:
        assert database.dialect == "sqlite"


async def test_word_comes_after_the_commit(database):
    seen = []

    def tell(connection, _now_ms):
        tell_arrivals(connection)
        seen.append(database.arrivals.is_set())

    def tell_and_fail(connection, now_ms):
        tell(connection, now_ms)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(tell_and_fail)
    await database.write(insert, "a")
    await asyncio.sleep(0)
    assert not database.arrivals.is_set()
    await database.write(tell)
    await asyncio.wait_for(database.arrivals.wait(), 5)
    assert seen == [False, False]


# --- SQLite ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_sqlite_syncs_commits_but_those_that_may_be_lost(database):
    def settings(connection, _now_ms=None):
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await database.write(settings) == ["wal", 2, 1]
    assert await database.write_relaxed(settings) == ["wal", 1, 1]
    assert await database.write(settings) == ["wal", 2, 1]


async def test_the_file_is_its_owners(tmp_path):
    file = tmp_path / "new.db"
    await Database.open(f"sqlite:///{file}").close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("nonsense", "not a URL"),
        ("mysql://x/y", "'mysql' is not supported"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///file:x?mode=memory&uri=true", "in memory"),
        ("sqlite:////nowhere/at/all.db", "No such file or directory; is the folder writable?"),
        pytest.param(
            f"postgresql://u:hidden@127.0.0.1:{free_port()}/d",
            "is the server running",
            id="nobody-listens",
        ),
        ("postgres://u:hidden@127.0.0.1:1/d?connect_timeout=1", "is the server running"),
    ],
)
def test_a_wrong_url_stops_the_start_with_one_line(url, match):
    with pytest.raises(StartError, match=match) as stopped:
        Database.open(url)
    assert "\n" not in str(stopped.value)
    assert "hidden" not in str(stopped.value)


def test_a_file_that_is_no_database_stops_the_start(tmp_path):
    file = tmp_path / "text.db"
    file.write_text("this is not a database, whatever its name says, and it is long enough" * 9)
    with pytest.raises(StartError, match="is it a database of this program"):
        Database.open(f"sqlite:///{file}")
    with pytest.raises(StartError, match="unable to open"):
        Database.open(f"sqlite:///{tmp_path}")
    assert Path(file).read_text().startswith("this is")


def test_a_file_that_cannot_be_written_stops_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: (path.name, mode) != ("a.db", os.W_OK))
    with pytest.raises(StartError, match=r"a\.db: this user cannot write it"):
        Database.open(f"sqlite:///{tmp_path}/a.db")


# --- PostgreSQL --------------------------------------------------------------------------------


@pytest.fixture
def cut(database_url):
    """End every other connection to the database, as a restart would."""

    def cut():
        conninfo = make_url(database_url).set(drivername="postgresql")
        with psycopg.connect(
            conninfo.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    return cut


only_postgresql = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)


@only_postgresql
async def test_idle_connections_that_died_are_replaced_unseen(database, cut):
    await asyncio.gather(*(database.write(insert, f"n{n}") for n in range(8)))
    await asyncio.gather(*(database.read(names) for _ in range(8)))
    cut()
    await database.write(insert, "after")
    assert "after" in await database.read(names)
    cut()
    assert len(await database.read(names)) == 9


@only_postgresql
async def test_a_connection_that_dies_in_a_transaction_is_told_and_undone(database, cut):
    def dying(connection, now_ms):
        insert(connection, now_ms, "lost")
        cut()
        insert(connection, now_ms, "never")

    with pytest.raises(StoreUnavailable):
        await database.write(dying)
    assert await database.read(names) == []


@only_postgresql
async def test_two_that_wait_for_each_other_are_both_done(database):
    await asyncio.gather(*(database.write(insert, name) for name in "ab"))
    both_have_one = threading.Barrier(2)

    def change(connection, _now_ms, *order):
        for name in order:
            update = "UPDATE organisation SET created_ms = created_ms + 1 WHERE name = :name"
            connection.execute(text(update), {"name": name})
            with contextlib.suppress(threading.BrokenBarrierError):
                both_have_one.wait(5)
            both_have_one.abort()  # from here on nobody waits

    await asyncio.gather(database.write(change, "a", "b"), database.write(change, "b", "a"))
    query = text("SELECT created_ms FROM organisation")
    assert await database.read(lambda c: list(c.execute(query).scalars())) == [2, 2]


async def test_a_transaction_that_is_always_undone_is_given_up(database):
    runs = []

    def undone(connection, now_ms):
        insert(connection, now_ms, f"n{len(runs)}")
        runs.append(now_ms)
        raise OperationalError("", {}, psycopg.errors.DeadlockDetected())

    with pytest.raises(StoreUnavailable, match="DeadlockDetected"):
        await database.write(undone)
    assert len(runs) == 4
    assert await database.read(names) == []


@only_postgresql
async def test_word_reaches_other_processes_and_survives_a_cut(
    database, database_url, cut, monkeypatch
):
    monkeypatch.setattr("hookseal_sender.store.notify._RETRY_SECONDS", 0.01)
    other = Database.open(database_url)
    other.listen()
    other.listen()
    await heard(other)  # that it listens
    await database.write(lambda connection, _: tell_arrivals(connection))
    await heard(other)
    cut()
    await heard(other)  # again, for what may have been missed
    database.arrivals.clear()
    database.listen()
    await heard(database)
    await database.write(lambda connection, _: tell_arrivals(connection))
    await heard(other)
    await other.close()


async def heard(database):
    await asyncio.wait_for(database.arrivals.wait(), 10)
    database.arrivals.clear()


@only_postgresql
async def test_word_that_could_not_be_sent_is_sent_again(database_url):
    announcer = Announcer(make_url(database_url), asyncio.Event())

    class Broken:
        async def execute(self, *_):
            raise psycopg.OperationalError("gone")

    announcer._wanted.set()
    with pytest.raises(psycopg.OperationalError):
        await announcer._speak(Broken())
    assert announcer._wanted.is_set()
    await announcer.close()


# --- group commit ------------------------------------------------------------------------------


async def test_a_batch_splits_when_it_fails_and_spares_the_cancelled():
    batches, open_gate = [], asyncio.Event()

    async def commit(items):
        batches.append(list(items))
        await open_gate.wait()
        if "bad" in items:
            raise ValueError("bad")
        return [KeyError("own") if item == "odd" else item * 2 for item in items]

    batcher = Batcher(commit, len, limit=4)
    first = asyncio.create_task(batcher.submit("a"))
    await asyncio.sleep(0)
    others = [asyncio.create_task(batcher.submit(each)) for each in ("b", "bad", "c", "odd", "d")]
    await asyncio.sleep(0)
    others[0].cancel()
    open_gate.set()
    await batcher.finish()
    results = await asyncio.gather(first, *others, return_exceptions=True)
    assert results[0] == "aa"
    assert isinstance(results[1], asyncio.CancelledError)
    assert isinstance(results[2], ValueError)
    assert results[3] == "cc"
    assert isinstance(results[4], KeyError)
    assert results[5] == "dd"
    assert batches[1:6] == [["b", "bad", "c", "odd"], ["b", "bad"], ["b"], ["bad"], ["c", "odd"]]
    await batcher.finish()


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([3, 3, 4, 1], [[3], [3, 4, 1]]),  # the first is committed while the others arrive
        ([1, 6, 6, 3, 1], [[1], [6], [6, 3, 1]]),
        ([1, 99, 1, 99, 99, 1], [[1], [99], [1], [99], [99], [1]]),
        ([99, 0, 0, 0, 0, 0, 10], [[99], [0, 0, 0, 0], [0, 10]]),
    ],
)
async def test_a_batch_is_bounded_by_count_and_by_bytes(sizes, batches):
    committed = []

    async def commit(items):
        committed.append(list(items))
        await asyncio.sleep(0)
        return items

    batcher = Batcher(commit, lambda item: item, limit=4, limit_bytes=10)
    first = asyncio.create_task(batcher.submit(sizes[0]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    results = await asyncio.gather(first, *map(batcher.submit, sizes[1:]))
    assert (results, committed) == (sizes, batches)


async def test_a_batch_that_may_have_been_committed_is_not_tried_again():
    calls = []

    async def commit(items):
        calls.append(items)
        raise StoreUnavailable("away")

    batcher = Batcher(commit, lambda _: 0)
    results = await asyncio.gather(*(batcher.submit(n) for n in range(3)), return_exceptions=True)
    assert len(calls) == 1
    assert all(isinstance(each, StoreUnavailable) for each in results)


def test_the_log_says_nothing_of_statements():
    assert not logging.getLogger("sqlalchemy.engine").isEnabledFor(logging.INFO)
