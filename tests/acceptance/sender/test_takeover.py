"""A worker that died or stood still: who goes on, when, and whose attempt counts.

Each trial waits for the end of a lease, so they all run at the same time.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.stores.servers import new_database, paused, postgresql_url

from .inspecting import books, lease_end
from .processes import until
from .receiving import Sink
from .running import Sender, caller
from .tenant import Tenant

pytestmark = [pytest.mark.acceptance, pytest.mark.alone]
LATE_SECONDS = 1.0
_PATIENCE = 60


class Stage:
    """A sender, and an endpoint of its own for the one delivery that it makes."""

    def __init__(self, folder, database_url=None):
        self.sink = Sink(folder)
        url = database_url or f"sqlite:///{folder}/hookseal.db"
        self.sender = Sender(url, folder, request_timeout=1, log_level="debug")
        if database_url:
            self.sender.migrate()
        self._sent = 0.0

    def begin(self, api, path):
        """Publish, wait until the request is under way, and return when its lease ends."""
        with caller(api.url, self.sender.token()) as client:
            tenant = Tenant(client)
            tenant.endpoint(self.sink.url + path)
            self._sent = time.time()
            tenant.publish()
        for _ in until(_PATIENCE, "the delivery begins"):
            if self.sink.total()["requests"]:
                return lease_end(self.sender.database_url)
        raise AssertionError

    def assert_taken_over_at(self, ends):
        """Assert that the request came again to /hang/taken as soon as its lease had ended."""
        for _ in until(ends - time.time() + _PATIENCE, "the delivery is taken over", 0.1):
            if self.sink.total()["requests"] == 2:
                break
        assert self.sink.total()["distinct"] == 1, "the same id"
        again = self._sent + self.sink.seconds("taken")[1]
        assert ends - 0.1 <= again <= ends + LATE_SECONDS

    def close(self):
        self.sender.close()
        self.sink.close()


def kill_one_of_two_workers(stage):
    api, first = stage.sender.api(), stage.sender.worker()
    ends = stage.begin(api, "/hang/taken")
    stage.sender.worker()
    first.kill()
    stage.assert_taken_over_at(ends)


def kill_the_only_process(stage):
    serving = stage.sender.serve()
    ends = stage.begin(serving, "/hang/taken")
    serving.kill()
    serving.start()
    stage.assert_taken_over_at(ends)


def let_a_worker_stand_still(stage):
    api, first = stage.sender.api(), stage.sender.worker()
    stage.begin(api, "/slow/0.5/late")
    with paused(first.pid):
        stage.sender.worker()
        for _ in until(_PATIENCE, "the other worker records its attempt", 0.1):
            if books(stage.sender.database_url).attempts:
                break
    for _ in until(_PATIENCE, "the first one has tried to record", 0.1):
        if "lease was lost" in first.log.read_text():
            break
    assert stage.sink.total() == {"requests": 2, "distinct": 1}


TRIALS = {
    kill_one_of_two_workers: True,
    kill_the_only_process: False,
    let_a_worker_stand_still: True,
}
"""Whether each is on PostgreSQL."""


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    """Each trial's stage, and its end to wait for."""
    with ExitStack() as stack:
        stages = {}
        for trial, with_server in TRIALS.items():
            url = new_database(postgresql_url()) if with_server else None
            stages[trial] = Stage(tmp_path_factory.mktemp(trial.__name__), url)
            stack.callback(stages[trial].close)
        with ThreadPoolExecutor() as pool:
            yield {trial: (stage, pool.submit(trial, stage)) for trial, stage in stages.items()}


@pytest.mark.parametrize("trial", [kill_one_of_two_workers, kill_the_only_process])
def test_a_killed_worker_s_delivery_is_taken_over_within_a_second_of_its_lease(trials, trial):
    trials[trial][1].result()


def test_what_a_worker_says_after_its_lease_is_not_recorded(trials):
    stage, end = trials[let_a_worker_stand_still]
    end.result()
    found = books(stage.sender.database_url)
    assert (found.attempts, found.attempts_counted, found.succeeded) == (1, 1, 1)


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path, new_database(postgresql_url()))
    yield stage
    stage.close()


def test_a_worker_that_is_asked_to_end_lets_its_requests_end(stage):
    api, worker = stage.sender.api(), stage.sender.worker()
    stage.begin(api, "/slow/0.5/ending")

    assert worker.stop() == 0
    assert books(stage.sender.database_url).succeeded == 1
    assert api.stop() == 0
