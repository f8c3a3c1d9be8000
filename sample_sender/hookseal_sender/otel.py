"""The sender's figures and a span for each attempt, for OpenTelemetry. Needs ``hookseal[otel]``.

Knows the names of instruments and attributes, in the style of the semantic conventions. Must not
put into a metric's attribute what a customer can choose: ids are on spans only, and of a URL only
the host, since its path and query may hold secrets.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.metrics import Observation
from opentelemetry.trace import SpanKind, Status, StatusCode

from hookseal_sender.observe import (
    CLAIM_SECONDS,
    DURATION_SECONDS,
    LATENESS_SECONDS,
    outcome_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider
    from opentelemetry.trace import TracerProvider

    from hookseal_sender.model import Overview, Result
    from hookseal_sender.observe import Work
    from hookseal_sender.outcome import FaultKind

__all__ = ["SenderTelemetry"]

_NAME = "hookseal_sender"
_NANOSECONDS = 1_000_000

Attributes: TypeAlias = dict[str, str | int | bool]


class SenderTelemetry:
    """An :class:`~hookseal_sender.observe.Observer` that measures and traces.

    Without an SDK it does nothing. The providers are the global ones unless given; ``clock``
    returns unix seconds.
    """

    def __init__(
        self,
        *,
        meter_provider: MeterProvider | None = None,
        tracer_provider: TracerProvider | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._watched = False
        self._overview: Overview | None = None
        self._tracer = trace.get_tracer(_NAME, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_NAME, meter_provider=meter_provider)
        self._count = {
            name: meter.create_counter(f"hookseal.sender.{name}", unit=unit, description=text)
            for name, unit, text in _COUNTERS
        }
        self._measure = {
            name: meter.create_histogram(
                f"hookseal.sender.{name}",
                unit="s",
                description=text,
                explicit_bucket_boundaries_advisory=bounds,
            )
            for name, bounds, text in _HISTOGRAMS
        }
        self._in_flight = meter.create_up_down_counter(
            "hookseal.sender.in_flight",
            unit="{delivery}",
            description="Claimed deliveries of this process.",
        )
        self._watch(meter)

    def claimed(self, tasks: int, seconds: float) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        self._measure["claim.duration"].record(seconds)
        self._count["claimed"].add(tasks)
        self._in_flight.add(tasks)

    def attempted(
        self, result: Result, *, recorded: bool, lateness: float, fault: FaultKind | None = None
    ) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        attempt = result.attempt
        outcome = outcome_of(attempt.status, fault)
        self._in_flight.add(-1)
        self._count["attempts"].add(1, {"hookseal.outcome": outcome})
        self._measure["attempt.duration"].record(attempt.duration_ms / 1000)
        self._measure["lateness"].record(lateness)
        self._count_effects(result, recorded=recorded)
        self._trace(result, outcome, recorded=recorded, lateness=lateness)

    def released(self, tasks: int) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        self._count["released"].add(tasks)
        self._in_flight.add(-tasks)

    def published(self, messages: int) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        self._count["published"].add(messages)

    def purged(self, rows: int) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        self._count["purged_rows"].add(rows)

    def failed(self, work: Work) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        self._count["failures"].add(1, {"hookseal.work": work})
        if work == "deliver":
            self._in_flight.add(-1)

    def show(self, overview: Overview | None) -> None:
        """Report this state of the whole sender from now on; None: the database is away."""
        self._watched = True
        self._overview = overview

    def _count_effects(self, result: Result, *, recorded: bool) -> None:
        if not recorded:
            self._count["unrecorded_attempts"].add(1)
        elif not result.attempt.succeeded:
            self._count["given_up"].add(int(result.retry_in is None))
            self._count["gone"].add(int(result.disables_endpoint))
            self._count["pauses"].add(int(result.pauses))

    def _trace(self, result: Result, outcome: str, *, recorded: bool, lateness: float) -> None:
        """Record the attempt that has just ended, from when it began."""
        attempt = result.attempt
        begin = attempt.started_ms * _NANOSECONDS
        span = self._tracer.start_span(
            "hookseal attempt", kind=SpanKind.CLIENT, start_time=begin, record_exception=False
        )
        if span.is_recording():
            span.set_attributes(_attributes(result, outcome))
            span.set_attributes({"hookseal.recorded": recorded, "hookseal.lateness": lateness})
            if not attempt.succeeded:
                span.set_status(Status(StatusCode.ERROR, attempt.reason))
        span.end(begin + attempt.duration_ms * _NANOSECONDS)

    def _watch(self, meter: Meter) -> None:
        def gauge(
            name: str, text: str, observe: Callable[[Overview], Iterable[Observation]]
        ) -> None:
            def callback(_options: CallbackOptions) -> Iterable[Observation]:
                return observe(self._overview) if self._overview else ()

            meter.create_observable_gauge(f"hookseal.sender.{name}", [callback], description=text)

        meter.create_observable_gauge(
            "hookseal.sender.database_up", [self._up], description="Whether the database answers."
        )
        gauge("deliveries", "Deliveries of the whole sender, by state.", _states)
        gauge("oldest_ready", "Seconds that the oldest ready delivery has waited.", self._oldest)
        gauge("endpoints", "Endpoints of the whole sender.", lambda o: [Observation(o.endpoints)])
        gauge(
            "endpoints_disabled",
            "Endpoints disabled.",
            lambda o: [Observation(o.endpoints_disabled)],
        )

    def _up(self, _options: CallbackOptions) -> list[Observation]:
        return [Observation(int(self._overview is not None))] if self._watched else []

    def _oldest(self, overview: Overview) -> list[Observation]:
        since = overview.oldest_ready_ms
        age = 0.0 if since is None else max(0.0, self._clock() - since / 1000)
        return [Observation(age)]


def _states(overview: Overview) -> list[Observation]:
    return [
        Observation(count, {"hookseal.state": state.name.lower()})
        for state, count in overview.deliveries.items()
    ]


def _attributes(result: Result, outcome: str) -> Attributes:
    lease, attempt = result.lease, result.attempt
    named: Attributes = {
        "hookseal.app.id": lease.app_id,
        "hookseal.endpoint.id": lease.endpoint_id,
        "hookseal.message.id": lease.msg_id,
        "hookseal.outcome": outcome,
        "http.request.method": "POST",
        "server.address": _host(attempt.url),
    }
    if attempt.status:
        named["http.response.status_code"] = attempt.status
    if not attempt.succeeded:
        named["error.type"] = outcome
    return named


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


_COUNTERS = (
    ("attempts", "{attempt}", "Requests to endpoints, by how they ended."),
    ("unrecorded_attempts", "{attempt}", "Attempts whose lease had ended."),
    ("given_up", "{delivery}", "Deliveries whose last retry failed."),
    ("gone", "{answer}", "Answers 410, which disable the endpoint."),
    ("pauses", "{answer}", "Answers that let the endpoint rest."),
    ("claimed", "{delivery}", "Deliveries that were claimed."),
    ("released", "{delivery}", "Deliveries given back at a stop."),
    ("published", "{message}", "Messages that were accepted."),
    ("purged_rows", "{row}", "Rows removed because their time was up."),
    ("failures", "{failure}", "Failures of our own, by what failed."),
)
_HISTOGRAMS = (
    ("claim.duration", CLAIM_SECONDS, "How long the database took to claim."),
    ("attempt.duration", DURATION_SECONDS, "How long requests took."),
    ("lateness", LATENESS_SECONDS, "From when an attempt was due to when it was made."),
)
