"""Observers, the cached state of the whole, and the health of a process."""

from __future__ import annotations

import asyncio
import inspect
import logging
from itertools import product

import httpx2
import pytest
from starlette.applications import Starlette

from hookseal_sender.errors import StartError, StoreUnavailable
from hookseal_sender.health import Health, State, health_routes, reasons_against
from hookseal_sender.model import AttemptDraft, DeliveryState, Lease, Overview, Result
from hookseal_sender.observe import NoObserver, Observer, Observers, outcome_of
from hookseal_sender.outcome import FaultKind
from hookseal_sender.overview import OverviewCache

pytestmark = pytest.mark.anyio

RESULT = Result(
    lease=Lease(
        app_id="app_1",
        endpoint_id="ep_1",
        msg_id="msg_1",
        token="t",
        attempts=0,
        tries=0,
        asked_for=False,
    ),
    attempt=AttemptDraft(
        url="https://customer.example/h",
        started_ms=0,
        duration_ms=30,
        succeeded=True,
        status=200,
        response="",
        reason="the endpoint answered 200",
    ),
    retry_in=None,
)


def tell_everything(observer):
    observer.claimed(3, 0.002)
    observer.attempted(RESULT, recorded=True, lateness=0.5, fault=FaultKind.TLS)
    observer.released(2)
    observer.published(1)
    observer.purged(40)
    observer.failed("claim")


class Recorder:
    """Keeps the name and the arguments of every call."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        return lambda *given, **named: self.told.append((name, *given, *named.values()))


class Broken:
    def __getattr__(self, name):
        raise RuntimeError(name)


EVERYTHING = [
    ("claimed", 3, 0.002),
    ("attempted", RESULT, True, 0.5, FaultKind.TLS),
    ("released", 2),
    ("published", 1),
    ("purged", 40),
    ("failed", "claim"),
]


def test_several_observers_are_told_everything():
    one, other = Recorder(), Recorder()
    tell_everything(Observers(one, other))
    assert one.told == other.told == EVERYTHING


def test_an_observer_that_raises_is_logged_once_and_harms_no_other(caplog):
    after = Recorder()
    tell_everything(Observers(Broken(), after))
    assert after.told == EVERYTHING
    (record,) = caplog.records
    assert (record.levelno, "Broken" in record.message) == (logging.ERROR, True)


@pytest.mark.parametrize("observer", [NoObserver, Observers])
def test_an_observer_has_the_methods_of_the_protocol(observer):
    for name, method in inspect.getmembers(Observer, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(getattr(observer, name)) == inspect.signature(method)


def test_an_observer_that_does_nothing_takes_everything():
    tell_everything(NoObserver())


@pytest.mark.parametrize(
    ("status", "fault", "outcome"),
    [
        (200, None, "2xx"),
        (204, None, "2xx"),
        (302, None, "3xx"),
        (410, None, "4xx"),
        (429, None, "429"),
        (503, None, "5xx"),
        (101, None, "1xx"),
        (999, None, "other"),
        (0, None, "no_answer"),
        (0, FaultKind.TIMEOUT, "timeout"),
        (0, FaultKind.ADDRESS, "address"),
    ],
)
def test_an_outcome_is_one_of_few_words(status, fault, outcome):
    assert outcome_of(status, fault) == outcome


# --- the state of the whole ------------------------------------------------------------------


def overview(ready):
    return Overview(
        deliveries={DeliveryState.READY: ready},
        oldest_ready_ms=None,
        endpoints=1,
        endpoints_disabled=0,
    )


class Counting:
    """A store that counts how often it is asked, and may fail or wait."""

    def __init__(self):
        self.asked, self.error = 0, None
        self.go = asyncio.Event()
        self.go.set()

    async def overview(self):
        self.asked += 1
        await self.go.wait()
        if self.error:
            raise self.error
        return overview(self.asked)


@pytest.fixture
def counting():
    return Counting()


@pytest.fixture
async def cache(counting, clock):
    one = OverviewCache(counting.overview, wait=0.01, clock=clock)
    yield one
    await one.close()


async def test_the_state_is_counted_once_in_fifteen_seconds(cache, counting, clock):
    first = [await cache.get(), await cache.get()]
    clock.advance(14.9)
    later = await cache.get()
    clock.advance(0.1)
    assert [*first, later, await cache.get()] == [overview(1)] * 3 + [overview(2)]
    assert counting.asked == 2


async def test_many_askers_share_one_count(cache, counting):
    assert await asyncio.gather(*(cache.get() for _ in range(20))) == [overview(1)] * 20
    assert counting.asked == 1


async def test_a_slow_count_holds_up_nobody_and_is_shown_when_it_is_done(cache, counting, clock):
    counting.go.clear()
    assert await cache.get() is None
    counting.go.set()
    assert await cache.get() == overview(1)
    clock.advance(20)
    counting.go.clear()
    assert await cache.get() == overview(1)  # the older one, while the next is counted
    clock.advance(60)
    assert await cache.get() is None  # too old to be shown
    assert counting.asked == 2


async def test_a_database_that_fails_is_asked_again_later(cache, counting, clock, caplog):
    counting.error = StoreUnavailable("the database is away")
    assert [await cache.get(), await cache.get()] == [None, None]
    assert counting.asked == 1
    assert "the database is away" in caplog.text
    counting.error = None
    clock.advance(15)
    assert await cache.get() == overview(2)


async def test_closing_before_anything_was_asked(counting):
    await OverviewCache(counting.overview).close()
    assert counting.asked == 0


# --- health ----------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", list(product([False, True], repeat=4)))
def test_a_process_is_ready_when_nothing_speaks_against_it(facts):
    started, draining, answers, fits = facts
    reasons = reasons_against(
        State(started=started, draining=draining, database_answers=answers, schema_fits=fits)
    )
    assert ("starting" in reasons) is not started
    assert ("draining" in reasons) is draining
    assert ("database_away" in reasons) is not answers
    assert ("schema_old" in reasons) is (answers and not fits)


class Database:
    def __init__(self):
        self.away, self.schema, self.checks = None, None, 0

    async def ping(self):
        if self.away:
            raise self.away
        if self.away is False:
            await asyncio.Event().wait()

    async def check_schema(self):
        self.checks += 1
        if self.schema:
            raise self.schema


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def health(database):
    one = Health(database.ping, database.check_schema, wait=0.05)
    one.started = True
    return one


async def test_the_schema_is_checked_until_it_fits(health, database):
    database.schema = StartError("older")
    assert [await health.reasons(), await health.reasons()] == [("schema_old",)] * 2
    database.schema = None
    assert [await health.reasons(), await health.reasons()] == [()] * 2
    assert database.checks == 3


@pytest.mark.parametrize("away", [StoreUnavailable("x"), OSError(), RuntimeError(), False])
async def test_a_database_that_fails_or_is_silent_is_away(health, database, away):
    database.away = away
    assert await health.reasons() == ("database_away",)


async def test_the_routes_tell_a_balancer_what_to_do(health, served):
    health.started = False
    async with (
        served(Starlette(routes=health_routes(health))) as url,
        httpx2.AsyncClient(base_url=url) as client,
    ):
        live = await client.get("/health/live")
        starting = await client.get("/health/ready")
        health.started = True
        ready = await client.get("/health/ready")
        health.draining = True
        draining = await client.get("/health/ready")

    assert (live.status_code, live.content) == (204, b"")
    assert (starting.status_code, starting.json()["reasons"]) == (503, ["starting"])
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "reasons": []})
    assert (draining.status_code, draining.json()["status"]) == (503, "not_ready")
    assert ready.headers["cache-control"] == live.headers["cache-control"] == "no-store"
