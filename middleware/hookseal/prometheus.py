"""Notes as Prometheus metrics. Needs ``hookseal[prometheus]``.

Knows the names of the metrics and their labels, which ``docs/grafana/hookseal.json`` asks for. Must
not put into a label what a peer can choose: no id, no address, no path.
"""

from __future__ import annotations

import functools

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from hookseal.errors import ConfigError
from hookseal.observe import Note, SourceNames

__all__ = ["PrometheusObserver"]

DEFAULT_MAX_SOURCES = 100
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""To beyond the longest time-out of a sender."""
_BYTES = tuple(float(4**power) for power in range(4, 13))
"""256 bytes to 16 MiB."""


class PrometheusObserver:
    """Counts notes in ``registry``, and times handlers.

    Make one and give it to every middleware: a registry takes a metric once. The first
    ``max_sources`` sources get labels of their own, the rest share ``source="other"``. Raises
    :class:`~hookseal.errors.ConfigError` where the registry has these metrics already.
    """

    def __init__(
        self, *, registry: CollectorRegistry = REGISTRY, max_sources: int = DEFAULT_MAX_SOURCES
    ) -> None:
        self._sources = SourceNames(max_sources)
        try:
            notes = Counter(
                "hookseal_notes",
                "What happened to webhook requests, by the name of the note.",
                ["note", "code", "source"],
                registry=registry,
            )
        except ValueError:
            raise ConfigError(
                "observer: the registry has Hookseal's metrics already. Make one "
                "PrometheusObserver and give it to every middleware, or each a registry."
            ) from None
        running = Gauge(
            "hookseal_handlers_running",
            "Handlers of webhook events that run now.",
            ["source"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        seconds = Histogram(
            "hookseal_handler_duration_seconds",
            "How long handlers of webhook events ran, by the note of their end.",
            ["note", "source"],
            registry=registry,
            buckets=_SECONDS,
        )
        sizes = Histogram(
            "hookseal_body_bytes",
            "The size of the bodies of accepted webhook events.",
            ["source"],
            registry=registry,
            buckets=_BYTES,
        )
        # Finding a child costs more than counting does; labels are bounded, and so are these.
        self._noted = functools.cache(notes.labels)
        self._running = functools.cache(running.labels)
        self._lasted = functools.cache(seconds.labels)
        self._sized = functools.cache(sizes.labels)

    def __call__(self, note: Note, /) -> None:
        """Count ``note``."""
        source = self._sources.label(note.source)
        self._noted(note.name, note.code, source).inc()
        if note.begins_run:
            self._running(source).inc()
            self._sized(source).observe(note.body_bytes)
        elif note.seconds is not None:
            self._running(source).dec()
            self._lasted(note.name, source).observe(note.seconds)
