"""Notes as OpenTelemetry metrics and spans. Needs ``hookseal[otel]``: the API, not the SDK.

Knows the names of instruments and attributes, in the style of the semantic conventions. Must not
put into a metric's attribute what a peer can choose: ids are on spans only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from hookseal.observe import Note, SourceNames

__all__ = ["OpenTelemetryObserver"]

DEFAULT_MAX_SOURCES = 100
_NAME = "hookseal"
_NANOSECONDS = 1_000_000_000
# As semantic conventions advise for http.server.request.duration, and on to slow handlers.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60)
_BYTES = tuple(float(4**power) for power in range(4, 13))
# What ends a request that no handler runs for; report mode runs it unseen.
_WITHOUT_A_RUN = frozenset({"rejected", "replayed", "handshake", "would_reject", "would_reply"})

Attributes: TypeAlias = dict[str, str | int]


class OpenTelemetryObserver:
    """Measures notes, and tells them to the span of the request.

    A note is an event on the current span, whose attributes then name the event. Where no span is
    recorded, as without instrumentation of the framework, every note that ends a request makes
    one. The first ``max_sources`` sources are told apart in metrics, the rest are ``other``. The
    providers are the global ones unless given; ``clock`` gives unix nanoseconds.
    """

    def __init__(
        self,
        *,
        meter_provider: MeterProvider | None = None,
        tracer_provider: TracerProvider | None = None,
        max_sources: int = DEFAULT_MAX_SOURCES,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._sources = SourceNames(max_sources)
        self._clock = clock
        self._tracer = trace.get_tracer(_NAME, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_NAME, meter_provider=meter_provider)
        self._notes = meter.create_counter(
            "hookseal.notes", unit="{note}", description="What happened to webhook requests."
        )
        self._running = meter.create_up_down_counter(
            "hookseal.handler.active", unit="{handler}", description="Handlers that run now."
        )
        self._seconds = meter.create_histogram(
            "hookseal.handler.duration",
            unit="s",
            description="How long handlers ran.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._bytes = meter.create_histogram(
            "hookseal.body.size",
            unit="By",
            description="The size of the bodies of accepted events.",
            explicit_bucket_boundaries_advisory=_BYTES,
        )

    def __call__(self, note: Note, /) -> None:
        """Measure ``note`` and tell it to a span."""
        self._measure(note)
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attributes(_event_attributes(note))
            span.add_event(f"hookseal.{note.name}", _note_attributes(note))
        elif note.seconds is not None or note.name in _WITHOUT_A_RUN:
            self._make_span(note)

    def _measure(self, note: Note) -> None:
        named: Attributes = {}
        if note.source:
            named["hookseal.source"] = self._sources.label(note.source)
        noted: Attributes = {"hookseal.note": note.name, **named}
        if note.begins_run:
            self._running.add(1, named)
            self._bytes.record(note.body_bytes, named)
        elif note.seconds is not None:
            self._running.add(-1, named)
            self._seconds.record(note.seconds, noted)
        self._notes.add(1, {**noted, **_error_type(note)})

    def _make_span(self, note: Note) -> None:
        """Record what has just ended, from when it began."""
        end = self._clock()
        span: Span = self._tracer.start_span(
            f"hookseal {note.name}",
            kind=SpanKind.SERVER,
            attributes={**_event_attributes(note), **_note_attributes(note)},
            start_time=end - round((note.seconds or 0.0) * _NANOSECONDS),
        )
        if note.seconds is not None and note.name != "completed":
            span.set_status(Status(StatusCode.ERROR, note.detail or note.name))
        span.end(end)


def _event_attributes(note: Note) -> Attributes:
    """Return what names the event that a note is about."""
    if not note.event_id:
        return {}
    return {
        "hookseal.source": note.source,
        "hookseal.event.id": note.event_id,
        "hookseal.event.attempt": note.attempt,
        "hookseal.body.size": note.body_bytes,
    }


def _note_attributes(note: Note) -> Attributes:
    """Return what a note says beyond the event."""
    said: Attributes = {"hookseal.note": note.name, **_error_type(note)}
    if note.detail:
        said["hookseal.detail"] = note.detail
    if note.peer:
        said["network.peer.address"] = note.peer
    return said


def _error_type(note: Note) -> Attributes:
    return {"error.type": note.code} if note.code else {}
