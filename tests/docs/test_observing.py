"""The examples of docs/observing.md, run."""

from __future__ import annotations

import importlib

import pytest

from hookseal import generate_secret
from hookseal.observe import Note
from hookseal.testing import WebhookClient

SECRET = generate_secret()


@pytest.fixture
def send(monkeypatch):
    """Sends one good and one forged delivery to the app of an example; returns it."""
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)

    def send_to(name: str):
        example = importlib.import_module(f"examples.{name}")
        assert WebhookClient(example.app, SECRET, path="/webhooks").send({}).status == 200
        assert (
            WebhookClient(example.app, generate_secret(), path="/webhooks").send({}).status == 401
        )
        return example

    return send_to


def test_prometheus_is_told_at_a_path_of_the_app(send):
    testclient = pytest.importorskip("starlette.testclient")
    app = send("prometheus_app").app

    metrics = testclient.TestClient(app).get("/metrics/").text

    for line in (
        'hookseal_notes_total{code="",note="completed",source="default"} 1.0',
        'hookseal_notes_total{code="signature_invalid",note="rejected",source=""} 1.0',
        'hookseal_handlers_running{source="default"} 0.0',
    ):
        assert line in metrics


def test_opentelemetry_is_told_by_the_app(send):
    assert send("opentelemetry_app").app


def test_an_observer_of_ones_own():
    example = importlib.import_module("examples.own_observer")
    observer = example.AlarmObserver()

    assert [observer.wants(name) for name in ("accepted", "lease_lost")] == [False, True]
    observer(Note("lease_lost", event_id="evt_1"))
    assert example.alarms.get_nowait().event_id == "evt_1"
