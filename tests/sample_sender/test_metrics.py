"""What Prometheus and OpenTelemetry are told, and that the dashboard asks for nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import sys
from pathlib import Path

import httpx2
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from hookseal_sender.errors import StoreUnavailable
from hookseal_sender.model import AttemptDraft, DeliveryState, Lease, Overview, Result
from hookseal_sender.observe import Observers
from hookseal_sender.otel import SenderTelemetry
from hookseal_sender.outcome import FaultKind
from hookseal_sender.overview import OverviewCache
from hookseal_sender.prometheus import SenderMetrics, metrics_route, new_registry
from hookseal_sender.telemetry import with_telemetry

pytestmark = pytest.mark.anyio

START_MS = 1_800_000_000_000

LEASE = Lease(
    app_id="app_canary",
    endpoint_id="ep_canary",
    msg_id="msg_canary",
    token="t_canary",
    attempts=0,
    tries=0,
    asked_for=False,
)


def result(status=200, *, duration_ms=30, retry_in=None, **fields):
    attempt = AttemptDraft(
        url="https://customer.example/hooks/s3cret?key=s3cret",
        started_ms=START_MS,
        duration_ms=duration_ms,
        succeeded=status in range(200, 300),
        status=status,
        response="canary",
        reason=f"the endpoint answered {status}",
    )
    return Result(lease=LEASE, attempt=attempt, retry_in=retry_in, **fields)


OVERVIEW = Overview(
    deliveries={DeliveryState.READY: 7, DeliveryState.HELD: 2, DeliveryState.FAILED: 0},
    oldest_ready_ms=START_MS - 4000,
    endpoints=5,
    endpoints_disabled=1,
)


def tell_a_busy_minute(observer):
    """Ten deliveries: nine attempts, one of them after its lease, and one that broke off."""
    observer.claimed(12, 0.004)
    observer.claimed(0, 0.001)
    for told, fault in [
        (result(duration_ms=30), None),
        (result(204, duration_ms=300), None),
        (result(500, retry_in=5.0), None),
        (result(500), None),
        (result(429, retry_in=60.0, pauses=True), None),
        (result(410, retry_in=5.0, disables_endpoint=True), None),
        (result(302, retry_in=5.0), None),
        (result(0, duration_ms=20_000, retry_in=5.0), FaultKind.TIMEOUT),
    ]:
        observer.attempted(told, recorded=True, lateness=0.02, fault=fault)
    observer.attempted(result(500), recorded=False, lateness=40.0)
    observer.failed("deliver")
    observer.failed("claim")
    observer.released(1)
    observer.published(3)
    observer.purged(40)


# --- Prometheus ------------------------------------------------------------------------------


@pytest.fixture
def registry():
    return new_registry()


@pytest.fixture
def metrics(registry):
    return SenderMetrics(registry, clock=lambda: START_MS / 1000)


def test_everything_told_is_counted(registry, metrics):
    tell_a_busy_minute(metrics)

    def value(name, **labels):
        return registry.get_sample_value(f"hookseal_sender_{name}", labels)

    outcomes = {"2xx": 2, "5xx": 3, "429": 1, "4xx": 1, "3xx": 1, "timeout": 1, "tls": 0}
    assert {each: value("attempts_total", outcome=each) for each in outcomes} == outcomes
    assert value("in_flight") == 1
    assert (value("claimed_total"), value("claim_duration_seconds_count")) == (12, 2)
    assert value("given_up_total") == value("gone_total") == value("pauses_total") == 1
    assert value("unrecorded_attempts_total") == value("released_total") == 1
    assert (value("published_total"), value("purged_rows_total")) == (3, 40)
    assert value("failures_total", work="claim") == value("failures_total", work="deliver") == 1
    assert value("failures_total", work="purge") == 0


def test_histograms_count_what_does_not_exceed_a_bound(registry, metrics):
    for duration_ms in (5, 6, 20_000, 90_000):
        metrics.attempted(result(duration_ms=duration_ms), recorded=True, lateness=-0.001)

    def below(bound):
        labels = {"le": bound}
        return registry.get_sample_value("hookseal_sender_attempt_duration_seconds_bucket", labels)

    assert [below(bound) for bound in ("0.005", "0.01", "20.0", "60.0", "+Inf")] == [1, 2, 3, 3, 4]
    assert registry.get_sample_value("hookseal_sender_attempt_duration_seconds_sum") == 110.011
    assert registry.get_sample_value("hookseal_sender_lateness_seconds_bucket", {"le": "0.01"}) == 4


def test_the_state_of_the_whole_is_shown_once_it_is_known(registry, metrics):
    value = registry.get_sample_value
    assert value("hookseal_sender_database_up") is None
    metrics.show(OVERVIEW)
    assert value("hookseal_sender_database_up") == 1
    assert value("hookseal_sender_deliveries", {"state": "ready"}) == 7
    assert value("hookseal_sender_deliveries", {"state": "failed"}) == 0
    assert value("hookseal_sender_deliveries", {"state": "succeeded"}) is None  # not counted
    assert value("hookseal_sender_oldest_ready_seconds") == 4
    assert value("hookseal_sender_endpoints") == 5
    assert value("hookseal_sender_endpoints_disabled") == 1
    metrics.show(None)
    assert value("hookseal_sender_database_up") == 0
    assert value("hookseal_sender_deliveries", {"state": "ready"}) is None


@pytest.mark.parametrize("oldest_ms", [None, START_MS + 60_000])
def test_nothing_waits_less_than_no_time(registry, metrics, oldest_ms):
    metrics.show(dataclasses.replace(OVERVIEW, oldest_ready_ms=oldest_ms))
    assert registry.get_sample_value("hookseal_sender_oldest_ready_seconds") == 0


def test_a_registry_takes_the_metrics_once(registry, metrics):
    with pytest.raises(ValueError, match="hookseal_sender"):
        SenderMetrics(registry)


async def test_the_route_shows_process_counters_and_state(registry, metrics, served):
    states = [OVERVIEW]

    async def read():
        if not states:
            raise StoreUnavailable("the database is away")
        return states.pop()

    tell_a_busy_minute(metrics)
    route = metrics_route(registry, metrics, OverviewCache(read))
    async with served(Starlette(routes=[route])) as url, httpx2.AsyncClient() as client:
        answer = await client.get(f"{url}/metrics")
        posted = await client.post(f"{url}/metrics")

    families = {each.name for each in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert {"process_resident_memory_bytes", "python_info", "hookseal_sender_info"} <= families
    assert 'hookseal_sender_deliveries{state="ready"} 7.0' in answer.text
    assert "canary" not in answer.text
    assert "customer.example" not in answer.text
    assert posted.status_code == 405


# --- OpenTelemetry ---------------------------------------------------------------------------


class Telemetry:
    """The SDK with exporters in memory, and an observer that uses it."""

    def __init__(self):
        self.reader = InMemoryMetricReader()
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader])
        self.observer = SenderTelemetry(
            meter_provider=self.meters,
            tracer_provider=self.tracers,
            clock=lambda: START_MS / 1000,
        )

    def points(self):
        """Every data point, by the metric's name and the values of the point's attributes."""
        data = self.reader.get_metrics_data()
        return {
            (metric.name.removeprefix("hookseal.sender."), *point.attributes.values()): point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        }

    def close(self):
        self.meters.shutdown()
        self.tracers.shutdown()


@pytest.fixture
def telemetry():
    one = Telemetry()
    yield one
    one.close()


def test_the_same_figures_are_measured(telemetry):
    tell_a_busy_minute(telemetry.observer)
    points = telemetry.points()
    values = {key: point.value for key, point in points.items() if hasattr(point, "value")}
    assert values == {
        ("attempts", "2xx"): 2,
        ("attempts", "3xx"): 1,
        ("attempts", "4xx"): 1,
        ("attempts", "429"): 1,
        ("attempts", "5xx"): 3,
        ("attempts", "timeout"): 1,
        ("in_flight",): 1,
        ("claimed",): 12,
        ("given_up",): 1,
        ("gone",): 1,
        ("pauses",): 1,
        ("unrecorded_attempts",): 1,
        ("released",): 1,
        ("published",): 3,
        ("purged_rows",): 40,
        ("failures", "deliver"): 1,
        ("failures", "claim"): 1,
    }
    assert points[("claim.duration",)].count == 2
    assert points[("attempt.duration",)].explicit_bounds[-1] == 60
    assert points[("lateness",)].sum == pytest.approx(8 * 0.02 + 40)


def test_the_state_of_the_whole_is_measured_while_it_is_known(telemetry):
    assert telemetry.points() == {}
    telemetry.observer.show(OVERVIEW)
    values = {key: point.value for key, point in telemetry.points().items()}
    assert values[("deliveries", "ready")] == 7
    assert values[("deliveries", "failed")] == 0
    assert (values[("oldest_ready",)], values[("endpoints",)]) == (4, 5)
    assert (values[("endpoints_disabled",)], values[("database_up",)]) == (1, 1)
    telemetry.observer.show(dataclasses.replace(OVERVIEW, oldest_ready_ms=None))
    assert telemetry.points()[("oldest_ready",)].value == 0
    telemetry.observer.show(None)
    away = {key: point.value for key, point in telemetry.points().items()}
    assert away == {("database_up",): 0}


def test_every_attempt_is_a_span_from_its_start_to_its_end(telemetry):
    telemetry.observer.attempted(result(duration_ms=30), recorded=True, lateness=0.02)
    (span,) = telemetry.exporter.get_finished_spans()
    assert (span.name, span.kind) == ("hookseal attempt", SpanKind.CLIENT)
    assert (span.start_time, span.end_time) == (START_MS * 1_000_000, (START_MS + 30) * 1_000_000)
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes == {
        "hookseal.app.id": "app_canary",
        "hookseal.endpoint.id": "ep_canary",
        "hookseal.message.id": "msg_canary",
        "hookseal.outcome": "2xx",
        "hookseal.recorded": True,
        "hookseal.lateness": 0.02,
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": "customer.example",
    }


def test_a_failed_attempt_is_a_span_with_its_reason(telemetry):
    told = result(0, retry_in=5.0)
    told = dataclasses.replace(told, attempt=dataclasses.replace(told.attempt, url="https://[x"))
    telemetry.observer.attempted(told, recorded=True, lateness=0, fault=FaultKind.SETUP)
    (span,) = telemetry.exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "setup"
    assert span.attributes["server.address"] == ""
    assert "http.response.status_code" not in span.attributes


def test_neither_the_answer_nor_the_path_of_the_url_is_told(telemetry):
    telemetry.observer.attempted(result(500), recorded=True, lateness=0)
    shown = telemetry.exporter.get_finished_spans()[0].to_json()
    assert "s3cret" not in shown
    assert '"canary"' not in shown
    assert "t_canary" not in shown


def test_without_an_sdk_nothing_happens():
    tell_a_busy_minute(SenderTelemetry())


async def test_telemetry_is_told_where_an_sdk_is_loaded(metrics, registry, monkeypatch):
    asked = asyncio.Event()

    async def read():
        asked.set()
        return OVERVIEW

    cache = OverviewCache(read)
    monkeypatch.setattr("hookseal_sender.telemetry._SHOW_EVERY", 0)
    async with with_telemetry(metrics, cache) as observer:
        assert isinstance(observer, Observers)
        observer.published(2)
        await asked.wait()
        await asyncio.sleep(0.01)
    assert registry.get_sample_value("hookseal_sender_published_total") == 2


async def test_without_an_sdk_only_the_given_observer_is_told(metrics, monkeypatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.sdk")
    async with with_telemetry(metrics, None) as observer:
        assert observer is metrics


# --- the dashboard ---------------------------------------------------------------------------

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "sender.json"
PAGES = [DASHBOARD.parents[1] / name for name in ("running.md", "runbook.md")]
SELECTOR = re.compile(r"\b(hookseal_sender_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\bby\s*\(([^)]*)\)")


def panels():
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if "targets" in panel]


def queries():
    return [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]


@pytest.fixture
def series(registry, metrics):
    """The values of every label of every series, by the series' name."""
    metrics.show(OVERVIEW)
    found = {}
    for sample in (sample for metric in registry.collect() for sample in metric.samples):
        values = found.setdefault(sample.name, {})
        for label, value in sample.labels.items():
            values.setdefault(label, set()).add(value)
    return found


def test_every_query_asks_for_series_labels_and_values_that_are_exported(series):
    assert queries()
    for title, query in queries():
        for name, matchers in SELECTOR.findall(query):
            assert name in series, (title, name)
            for label, how, value in MATCHER.findall(matchers):
                if label == "instance":  # Prometheus's own
                    continue
                assert how in {"=", "!="}, (title, how)
                assert value in series[name].get(label, ()), (title, label, value)
            grouped = {part.strip() for by in GROUPING.findall(query) for part in by.split(",")}
            assert grouped - {"instance"} <= set(series[name]), (title, grouped)


def test_every_metric_of_ours_is_on_the_dashboard(series):
    asked = {name for _, query in queries() for name, _ in SELECTOR.findall(query)}
    told = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for name in series
        if name.startswith("hookseal_sender_") and not name.endswith(("_created", "_info"))
    }
    assert ours <= told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_metrics_that_there_are(series, page):
    known = set(series) | {re.sub(r"_(bucket|sum|count)$", "", name) for name in series}
    named = re.findall(r"\bhookseal_sender_[a-z_]+", page.read_text())
    assert named
    assert set(named) <= known


def test_panels_have_titles_descriptions_and_places_of_their_own():
    places = [tuple(panel["gridPos"].values()) for panel in panels()]
    assert len({panel["id"] for panel in panels()}) == len(panels()) == len(set(places))
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
