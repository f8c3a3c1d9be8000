"""One sender for all of the SDK's tests, and an application of its own for each."""

from __future__ import annotations

import uuid

import pytest
from svix import Svix, SvixOptions
from svix.models import ApplicationIn, EndpointIn, EventTypeIn

from tests.acceptance.sender.receiving import Sink
from tests.acceptance.sender.running import Sender

from .steps import EVENT, EXAMPLE


@pytest.fixture(scope="package")
def sender(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sender")
    sender = Sender(f"sqlite:///{folder}/hookseal.db", folder, retry_schedule="0.1")
    yield sender
    sender.close()


@pytest.fixture(scope="package")
def serving(sender):
    return sender.serve()


@pytest.fixture(scope="package")
def sink(tmp_path_factory):
    sink = Sink(tmp_path_factory.mktemp("sink"))
    yield sink
    sink.close()


@pytest.fixture(scope="package")
def svix(sender, serving):
    client = Svix(sender.token(), SvixOptions(server_url=serving.url))
    schema = {"type": "object", "examples": [EXAMPLE]}
    client.event_type.create(
        EventTypeIn(name=EVENT, description="An invoice was paid", schemas={"1": schema})
    )
    client.event_type.create(EventTypeIn(name="user.created", description="A user came"))
    yield client
    client._httpx_client.close()


@pytest.fixture
def app(svix):
    return svix.application.create(ApplicationIn(name="Acme"))


@pytest.fixture
def name():
    return uuid.uuid4().hex


@pytest.fixture
def keeping(svix, app, sink, name):
    """An endpoint that keeps what it gets."""
    return svix.endpoint.create(app.id, EndpointIn(url=f"{sink.url}/keep/{name}"))
