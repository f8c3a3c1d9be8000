"""A sink for the tests that share none, and the logs of what runs where a test fails."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.stores.servers import PostgreSQL

from .processes import LOGS
from .receiving import Sink
from .running import Sender

_SHOWN = 4_000
"""Characters of each log, from its end."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for log in LOGS:
            report.sections.append((f"end of {log.name}", log.read_text()[-_SHOWN:]))
    return report


@pytest.fixture
def sink(tmp_path):
    sink = Sink(tmp_path)
    yield sink
    sink.close()


@pytest.fixture
def new_sender(tmp_path):
    """Return what makes a sender, on SQLite unless told otherwise."""
    with ExitStack() as stack:

        def make(database_url=None, **settings):
            sender = Sender(
                database_url or f"sqlite:///{tmp_path}/hookseal.db", tmp_path, **settings
            )
            stack.callback(sender.close)
            return sender

        yield make


@pytest.fixture
def postgresql():
    """A PostgreSQL of the test's own, which it may crash."""
    server = PostgreSQL()
    yield server
    server.close()
