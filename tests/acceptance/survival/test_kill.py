"""What kill -9 does to events: nothing is lost, and with the inbox nothing happens twice."""

from __future__ import annotations

import importlib
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.stores.servers import needs, postgresql_url, valkey_url

from .workers import LEASE_SECONDS, cluster

pytestmark = [
    pytest.mark.acceptance,
    # The client leaves the sockets of servers that were killed to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
STORES = {
    "sqlite": lambda folder: f"sqlite:///{folder}/ledger.db",
    "valkey": lambda _: valkey_url(),
    "postgresql": lambda _: postgresql_url(),
}
EVENTS, SENDS_EACH, KILLS, THREADS = 1000, 5, 6, 16
START_SECONDS = 4.0
"""A worker's start, on a busy machine."""


@pytest.fixture(params=STORES)
def ledger(request, tmp_path):
    url = STORES[request.param](tmp_path)
    if request.param == "postgresql":
        make_table(url)
    return url


def make_table(url):
    needs("psycopg")
    ledger = importlib.import_module("hookseal.ledger.sql").SQLLedger(url)
    ledger.create_table()
    ledger.close()


@pytest.mark.parametrize("inbox", [True, False], ids=["inbox", "bare"])
def test_killed_at_each_point_between_claim_and_reply(ledger, tmp_path, inbox):
    runs = {"claimed": 1, "effect": 1 if inbox else 2, "completed": 1}
    with cluster(ledger, tmp_path, inbox=inbox) as receivers, httpx2.Client(timeout=10) as client:
        first, second = receivers.workers
        for point in runs:
            event = f"msg_{point}_{tmp_path.name}"
            receivers.send_until_dead(first, event, client, die=point)
            took = receivers.send_until_taken(second, event, client, die=point)
            assert took < LEASE_SECONDS + START_SECONDS

        effects = receivers.effects()
    assert {point: effects[f"msg_{point}_{tmp_path.name}"] for point in runs} == runs


def test_a_handler_slower_than_lease_and_sender_runs_once_and_a_retry_gets_its_reply(
    ledger, tmp_path
):
    event = f"msg_slow_{tmp_path.name}"
    slow = {"slow": 2.5 * LEASE_SECONDS}
    with cluster(ledger, tmp_path, inbox=False) as receivers:
        first, second = receivers.workers
        with httpx2.Client(timeout=0.3 * LEASE_SECONDS) as impatient:
            assert receivers.send(first, event, impatient, **slow) == 0
        with httpx2.Client(timeout=10) as client:
            took = receivers.send_until_taken(second, event, client, **slow)
        effects = receivers.effects()

    assert took > LEASE_SECONDS, "the lease was not renewed, or the reply came too early"
    assert effects[event] == 1


@pytest.mark.parametrize("inbox", [True, False], ids=["inbox", "bare"])
def test_a_thousand_events_five_times_each_among_failures_and_kills(
    ledger, tmp_path, inbox, record_property
):
    events = [f"msg_{number}_{tmp_path.name}" for number in range(EVENTS)]
    deliveries = events * SENDS_EACH
    random.Random(7).shuffle(deliveries)
    with cluster(ledger, tmp_path, inbox=inbox) as receivers:
        taken = deliver_all(receivers, deliveries)
        with httpx2.Client(timeout=10) as client:
            for event in set(events) - taken:  # as a sender does, until it hears 2xx
                receivers.send_until_taken(receivers.workers[0], event, client)
        effects = receivers.effects()

    again = sum(effects.values()) - len(effects)
    record_property("effects_again", again)
    print(f"{again} effects again in {len(deliveries)} deliveries, {KILLS} kills")  # noqa: T201 # -rP
    assert set(effects) == set(events), "lost"
    if inbox:
        assert again == 0


def deliver_all(receivers, deliveries):
    """Send everything from 16 threads; kill a worker at each seventh of the way."""
    taken, sent, lock = set(), 0, threading.Lock()

    def deliver(client, event):
        nonlocal sent
        worker = random.choice(receivers.workers)
        status = receivers.send(worker, event, client, fails=0.1)
        assert status in {0, 200, 500, 503}
        with lock:
            sent += 1
            if status == 200:
                taken.add(event)
            doomed = sent % (len(deliveries) // (KILLS + 1)) == 0 and sent < len(deliveries)
        if doomed:
            worker.kill()
            worker.revive()

    with ThreadPoolExecutor(THREADS) as pool, httpx2.Client(timeout=10) as client:
        for done in [pool.submit(deliver, client, event) for event in deliveries]:
            done.result()
    return taken
