"""Requests made of the document, good and bad, to a running sender: answers are documented."""

import asyncio
import itertools
import threading

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hookseal_sender.addresses import AddressGuard
from hookseal_sender.api import Services, create_app
from hookseal_sender.api.operations import OPERATIONS
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.store import open_store
from hookseal_sender.tokens import TokenKey
from tests.sample_sender.conformance import CLOSED
from tests.sample_sender.fuzzing import bounds
from tests.sample_sender.tenants import plant

NOW = 1_800_000_000
KEY = TokenKey(b"k" * 32)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
BOUNDED = settings(
    **bounds(6),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SCHEMA = schemathesis.openapi.from_dict(CLOSED)


class Sender:
    """A sender on a thread and a port of its own."""

    def __init__(self, url, vault):
        self.loop, self.words, self.started = None, itertools.count(), threading.Event()
        self.thread = threading.Thread(target=asyncio.run, args=[self._run(url, vault)])
        self.thread.start()
        assert self.started.wait(10)

    async def _run(self, url, vault):
        self.store = open_store(url, vault, clock=lambda _connection: NOW * 1000)
        services = Services(store=self.store, tokens=KEY, guard=AddressGuard(), clock=lambda: NOW)
        config = uvicorn.Config(create_app(services), port=0, log_level="critical")
        self.loop, self.server = asyncio.get_running_loop(), uvicorn.Server(config)
        task = asyncio.create_task(self.server._serve())
        while not self.server.started:  # noqa: ASYNC110 # uvicorn offers no event
            await asyncio.sleep(0.005)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"
        self.started.set()
        await task
        await self.store.close()

    def plant(self):
        planted = plant(self.store, DEFAULT_ORGANISATION, f"owner-{next(self.words)}")
        return asyncio.run_coroutine_threadsafe(planted, self.loop).result(10)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(10)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sender(request, vault, tmp_path_factory):
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_server").fresh()
    else:
        file = tmp_path_factory.mktemp("sender") / "sender.db"
        file.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        url = f"sqlite:///{file}"
    sender = Sender(url, vault)
    yield sender
    sender.stop()


@pytest.fixture
def tenant(sender):
    """A fresh one each: an operation may delete it."""
    return sender.plant()


@pytest.fixture
def turns():
    return itertools.count()


@pytest.fixture(scope="module")
def session():
    """Connections that are kept: a new one each costs as much as the request."""
    with requests.Session() as session:
        yield session


@pytest.fixture
def headers():
    """A fresh token each: one operation revokes it."""
    token = KEY.issue(Scope(org_id=DEFAULT_ORGANISATION), now=NOW)
    return {"Authorization": f"Bearer {token}"}


@SCHEMA.parametrize()
@BOUNDED
def test_every_answer_is_documented(case, sender, session, tenant, headers, turns):
    """Every second time the parts of the path are those of things that exist."""
    if next(turns) % 2 == 0:
        case.path_parameters.update({name: tenant.ids[name] for name in case.path_parameters})
    case.call_and_validate(base_url=sender.url, session=session, headers=headers, checks=CHECKS)


def test_no_operation_is_left_out():
    found = {each.ok().label for each in SCHEMA.get_all_operations()}
    assert found == {f"{each.method} /api/v1{each.path}" for each in OPERATIONS}
