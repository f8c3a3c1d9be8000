"""Kill -9 of every process, at random: what was accepted arrives everywhere, under one id.

HOOKSEAL_SURVIVAL_MESSAGES says how many messages; each goes to 20 endpoints.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.stores.servers import new_database, postgresql_url

from .surviving import MAX_IN_FLIGHT, REQUEST_TIMEOUT, Blow, Trial, kill

pytestmark = [
    pytest.mark.acceptance,
    # The client leaves the sockets of servers that were killed to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
MESSAGES = int(os.environ.get("HOOKSEAL_SURVIVAL_MESSAGES", "1000"))
SETTINGS = {
    "request_timeout": REQUEST_TIMEOUT,
    "max_in_flight": MAX_IN_FLIGHT,
    # The leases of killed workers count until they end: no endpoint shall rest because of them.
    "max_in_flight_per_endpoint": MAX_IN_FLIGHT,
    "retry_schedule": "1,1,1,1,1",
}
MORE = MESSAGES // 4000
KILLS_OF_ONE, KILLS_OF_EACH, CRASHES = 6 + MORE, 2 + MORE, 2 + MORE


def test_sqlite_with_its_one_process_killed(new_sender, sink, record_property):
    sender = new_sender(**SETTINGS)
    serving = sender.serve()
    blows = [kill(serving, delivers=True)] * KILLS_OF_ONE
    show(Trial(sender, [serving], sink).run(MESSAGES, blows), record_property)


def test_postgresql_with_two_of_each_process_killed(new_sender, sink, record_property):
    sender = new_sender(new_database(postgresql_url()), **SETTINGS)
    sender.migrate()
    apis, workers = [sender.api(), sender.api()], [sender.worker(), sender.worker()]
    blows = [kill(api, delivers=False) for api in apis]
    blows += [kill(worker, delivers=True) for worker in workers]
    blows = random.sample(blows * KILLS_OF_EACH, len(blows) * KILLS_OF_EACH)
    show(Trial(sender, apis, sink).run(MESSAGES, blows), record_property)


def test_postgresql_crashing_under_load(new_sender, sink, postgresql, record_property):
    sender = new_sender(postgresql.url, **SETTINGS)
    sender.migrate()
    apis, workers = [sender.api(), sender.api()], [sender.worker(), sender.worker()]
    crash = Blow(name="crash", strike=postgresql.crash, repeats=MAX_IN_FLIGHT * len(workers))
    show(Trial(sender, apis, sink).run(MESSAGES, [crash] * CRASHES), record_property)


def show(outcome, record_property):
    record_property("outcome", str(outcome))
    print(outcome)  # noqa: T201 # shown with -rP
