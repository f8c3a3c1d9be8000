"""What OpenTelemetry is told, by its own SDK."""

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from hookseal.observe import Note
from hookseal.otel import OpenTelemetryObserver

from .support import BODY, PEER, FailingLedger, Handler, forged, signed


class Telemetry:
    """The SDK with exporters in memory, and an observer that uses it."""

    def __init__(self, **settings):
        self.reader = InMemoryMetricReader()
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader])
        self.observer = OpenTelemetryObserver(
            meter_provider=self.meters, tracer_provider=self.tracers, **settings
        )

    def points(self, name):
        """The data points of a metric: by the values of their attributes, sorted by name."""
        return {
            tuple(value for _, value in sorted(point.attributes.items())): point
            for resource in self.reader.get_metrics_data().resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        }

    def values(self, name):
        return {attributes: point.value for attributes, point in self.points(name).items()}

    @property
    def spans(self):
        return self.exporter.get_finished_spans()


@pytest.fixture
def telemetry():
    one = Telemetry()
    yield one
    one.meters.shutdown()
    one.tracers.shutdown()


@pytest.fixture
def traced(endpoint, telemetry):
    def make(app=None, **settings):
        return endpoint(app, observer=telemetry.observer, **settings)

    return make


def test_requests_are_counted_by_note_source_and_error(traced, telemetry):
    one = traced(Handler(200, 500), source="acme")
    for call in (signed("a"), signed("a"), signed("b"), forged(), signed("c", age=3600)):
        one.send(call)
    assert telemetry.values("hookseal.notes") == {
        ("accepted", "acme"): 2,
        ("completed", "acme"): 1,
        ("replayed", "acme"): 1,
        ("released", "acme"): 1,
        ("signature_invalid", "rejected"): 1,  # error.type comes first
        ("timestamp_too_old", "rejected"): 1,
    }


def test_handlers_and_bodies_are_measured(traced, telemetry):
    one = traced(Handler(200, 500), source="acme")
    one.send(signed("a"))
    one.send(signed("b"))
    assert telemetry.values("hookseal.handler.active") == {("acme",): 0}
    assert telemetry.points("hookseal.body.size")[("acme",)].sum == 2 * len(BODY)
    durations = telemetry.points("hookseal.handler.duration")
    assert {key: point.count for key, point in durations.items()} == {
        ("completed", "acme"): 1,
        ("released", "acme"): 1,
    }
    assert durations["completed", "acme"].explicit_bounds[-1] == 60


def test_sources_beyond_the_limit_are_measured_together(telemetry):
    few = Telemetry(max_sources=1)
    for source in ("a", "b", "c"):
        few.observer(Note("accepted", source=source))
    assert few.values("hookseal.notes") == {("accepted", "a"): 1, ("accepted", "other"): 2}


def test_without_a_span_every_end_of_a_request_makes_one(traced, telemetry):
    one = traced(Handler(200, 500), source="acme")
    for call in (signed("a"), signed("a"), signed("b"), forged()):
        one.send(call)
    names = [span.name for span in telemetry.spans]
    assert names == [
        "hookseal completed",
        "hookseal replayed",
        "hookseal released",
        "hookseal rejected",
    ]
    completed, _, released, rejected = telemetry.spans
    assert {span.kind for span in telemetry.spans} == {SpanKind.SERVER}
    assert completed.status.status_code is StatusCode.UNSET
    assert (released.status.status_code, released.status.description) == (
        StatusCode.ERROR,
        "released",
    )
    assert completed.attributes == {
        "hookseal.note": "completed",
        "hookseal.source": "acme",
        "hookseal.event.id": "a",
        "hookseal.event.attempt": 1,
        "hookseal.body.size": len(BODY),
    }
    assert rejected.attributes == {
        "hookseal.note": "rejected",
        "error.type": "signature_invalid",
        "hookseal.detail": "No webhook signature matches.",
        "network.peer.address": PEER,
    }


def test_a_span_made_afterwards_covers_the_run_of_the_handler():
    telemetry = Telemetry(clock=lambda: 10_000_000_000)
    telemetry.observer(Note("settle_failed", detail="OSError", event_id="a", seconds=2.5))
    (span,) = telemetry.spans
    assert (span.start_time, span.end_time) == (7_500_000_000, 10_000_000_000)
    assert span.status.description == "OSError"


def test_a_span_that_is_there_is_told_instead(traced, telemetry):
    one = traced(ledger=FailingLedger("complete"), source="acme")
    tracer = telemetry.tracers.get_tracer("framework")
    with tracer.start_as_current_span("POST /webhooks"):
        one.send(signed("a"))
    (span,) = telemetry.spans
    assert span.name == "POST /webhooks"
    assert [event.name for event in span.events] == ["hookseal.accepted", "hookseal.settle_failed"]
    assert span.events[1].attributes == {
        "hookseal.note": "settle_failed",
        "hookseal.detail": "ConnectionError",
    }
    assert span.attributes["hookseal.event.id"] == "a"
    assert span.status.status_code is StatusCode.UNSET  # the framework's to say


def test_neither_bodies_nor_signatures_are_told(traced, telemetry):
    one = traced()
    calls = [signed(body=b"canary"), forged(body=b"canary")]
    for call in calls:
        one.send(call)
    told = str([span.to_json() for span in telemetry.spans]) + str(
        telemetry.points("hookseal.notes")
    )
    assert "canary" not in told
    for call in calls:
        assert call.headers["webhook-signature"][3:] not in told


def test_without_providers_the_global_ones_are_asked(endpoint):
    one = endpoint(observer=OpenTelemetryObserver())  # which record nothing here
    assert one.send(signed()).status == 200
    assert one.send(forged()).status == 401
