"""What Prometheus is told, and that the dashboard asks for nothing else."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

pytest.importorskip("prometheus_client")

from prometheus_client import CollectorRegistry, generate_latest

from hookseal import ConfigError, errors
from hookseal.observe import Note, NoteName
from hookseal.prometheus import PrometheusObserver

from .support import BODY, FailingLedger, Handler, forged, signed


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def counted(endpoint, registry):
    """Makes endpoints whose notes are counted in the registry."""
    observer = PrometheusObserver(registry=registry)

    def make(app=None, **settings):
        return endpoint(app, observer=observer, **settings)

    return make


def notes_in(registry):
    return {
        (sample.labels["note"], sample.labels["code"], sample.labels["source"]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "hookseal_notes_total"
    }


def test_requests_are_counted_by_note_code_and_source(counted, registry):
    one = counted(Handler(200, 500), source="acme", source_budget="2/hour")
    for call in (signed("a"), signed("a"), signed("b"), forged(), signed("c"), signed(age=3600)):
        one.send(call)
    assert notes_in(registry) == {
        ("accepted", "", "acme"): 2,
        ("completed", "", "acme"): 1,
        ("replayed", "", "acme"): 1,
        ("released", "", "acme"): 1,
        ("rejected", "signature_invalid", ""): 1,
        ("rejected", "source_rate_limited", ""): 1,
        ("rejected", "timestamp_too_old", ""): 1,
    }


def test_trouble_with_the_ledger_is_counted(counted, registry):
    counted(ledger=FailingLedger("claim")).send(signed())
    counted(ledger=FailingLedger("complete")).send(signed())
    assert {name: count for (name, _, _), count in notes_in(registry).items()} == {
        "ledger_failed": 1,
        "rejected": 1,
        "accepted": 1,
        "settle_failed": 1,
    }


def test_handlers_are_timed_and_none_runs_afterwards(counted, registry):
    one = counted(Handler(200, 500), source="acme")
    running = []
    one.handler.meanwhile = lambda: (
        running.append(registry.get_sample_value("hookseal_handlers_running", {"source": "acme"}))
        or (one.app, forged())
    )
    one.send(signed("a"))
    one.send(signed("b"))
    value = registry.get_sample_value
    assert running == [1]
    assert value("hookseal_handlers_running", {"source": "acme"}) == 0
    for end in ("completed", "released"):
        labels = {"note": end, "source": "acme"}
        assert value("hookseal_handler_duration_seconds_count", labels) == 1
        assert value("hookseal_handler_duration_seconds_bucket", {**labels, "le": "10.0"}) == 1
    assert value("hookseal_body_bytes_sum", {"source": "acme"}) == 2 * len(BODY)


def test_a_claim_handed_back_ends_no_run(counted, registry):
    one = counted(source_budget="1/hour", ledger=FailingLedger("release"))
    one.send(signed("a"))
    one.send(signed("b"))
    assert registry.get_sample_value("hookseal_handlers_running", {"source": "default"}) == 0
    assert notes_in(registry)["settle_failed", "", "default"] == 1


def test_in_report_mode_every_verified_event_is_a_run(counted, registry):
    one = counted(source_budget="1/hour", mode="report")
    for call in (signed("a"), signed("a"), signed("b"), forged()):
        one.send(call)
    counts = {(name, code): count for (name, code, _), count in notes_in(registry).items()}
    assert counts == {
        ("accepted", ""): 1,
        ("would_reply", ""): 1,
        ("would_reject", "source_rate_limited"): 1,
        ("would_reject", "signature_invalid"): 1,
        ("completed", ""): 3,
    }
    assert registry.get_sample_value("hookseal_handlers_running", {"source": "default"}) == 0


def test_what_a_peer_chooses_is_in_no_label(counted, registry):
    one = counted()
    one.send(signed("evt_canary"))
    one.send(forged(peer="203.0.113.99", path="/canary"))
    shown = generate_latest(registry).decode()
    assert "canary" not in shown
    assert "203.0.113.99" not in shown


def test_sources_beyond_the_limit_share_a_label(registry):
    observer = PrometheusObserver(registry=registry, max_sources=1)
    for source in ("a", "b", "c"):
        observer(Note("accepted", source=source))
    assert notes_in(registry) == {("accepted", "", "a"): 1, ("accepted", "", "other"): 2}


def test_a_registry_takes_one_observer(registry):
    PrometheusObserver(registry=registry)
    with pytest.raises(ConfigError, match="registry"):
        PrometheusObserver(registry=registry)


# --- the dashboard ---------------------------------------------------------------------------

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "hookseal.json"
SELECTOR = re.compile(r"\b(hookseal_\w+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\bby\s*\(([^)]*)\)")


def panels():
    if not DASHBOARD.exists():
        pytest.skip("the documentation is not here")
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if "targets" in panel]


def queries():
    return [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]


def exported():
    """The label names of every series that the observer exports, by the series' name."""
    registry = CollectorRegistry()
    observer = PrometheusObserver(registry=registry)
    observer(Note("accepted", source="a"))
    observer(Note("completed", source="a", seconds=1.0))
    return {
        sample.name: set(sample.labels)
        for metric in registry.collect()
        for sample in metric.samples
    }


def test_every_query_asks_for_series_and_labels_that_are_exported():
    series = exported()
    assert queries()
    for title, query in queries():
        selected = SELECTOR.findall(query)
        assert len(selected) == len(re.findall(r"\bhookseal_", query)), title
        for name, matchers in selected:
            assert name in series, (title, name)
            assert {label for label, _, _ in MATCHER.findall(matchers)} <= series[name], title
        grouped = {label.strip() for by in GROUPING.findall(query) for label in by.split(",")}
        for name, _ in selected:
            assert grouped <= series[name], (title, grouped)


def test_every_query_asks_for_notes_and_codes_that_there_are():
    codes = {
        getattr(errors, name).code
        for name in errors.__all__
        if hasattr(getattr(errors, name), "code")
    }
    known = {"note": set(get_args(NoteName)), "code": codes}
    asked = set()
    for title, query in queries():
        for label, _, value in MATCHER.findall(query):
            if label in known:
                assert set(value.split("|")) <= known[label], (title, value)
                asked |= set(value.split("|"))
    trouble = {"released", "lease_lost", "settle_failed", "ledger_failed", "picker_failed"}
    assert trouble | {"replayed", "rejected", "source_rate_limited", "too_many_failures"} <= asked


def test_panels_have_titles_descriptions_and_places_of_their_own():
    places = [tuple(panel["gridPos"].values()) for panel in panels()]
    assert len({panel["id"] for panel in panels()}) == len(panels()) == len(set(places))
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
