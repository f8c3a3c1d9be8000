"""The sender's figures for Prometheus.

Knows the names of the metrics, which ``docs/grafana/sender.json`` asks for. Must not put into a
label what a customer or a caller can choose: no application, no endpoint, no event type.

It counts in plain integers and makes samples of them when asked: the counters of prometheus_client
take a lock each, which would be a tenth of the cost of a delivery. One event loop tells it
everything, so no lock is needed.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from importlib.metadata import version
from itertools import accumulate
from typing import TYPE_CHECKING, get_args

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import Route

from hookseal_sender.observe import (
    CLAIM_SECONDS,
    DURATION_SECONDS,
    LATENESS_SECONDS,
    Work,
    outcome_of,
)
from hookseal_sender.outcome import FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client import Metric
    from starlette.requests import Request

    from hookseal_sender.model import Overview, Result
    from hookseal_sender.overview import OverviewCache

__all__ = ["SenderMetrics", "metrics_route", "new_registry"]

_STATUSES = ("2xx", "3xx", "4xx", "429", "5xx")
_PREFIX = "hookseal_sender_"


class _Histogram:
    """Counts values by the first bound that they do not exceed."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self, name: str, text: str) -> HistogramMetricFamily:
        names = [*(str(bound) for bound in self._bounds), "+Inf"]
        buckets = list(zip(names, accumulate(self._counts), strict=True))
        return HistogramMetricFamily(_PREFIX + name, text, buckets=buckets, sum_value=self._sum)


class SenderMetrics(Collector):
    """An :class:`~hookseal_sender.observe.Observer` that ``registry`` collects.

    Raises ValueError if the registry has these metrics already. ``clock`` returns unix seconds.
    """

    def __init__(
        self, registry: CollectorRegistry, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._attempts = dict.fromkeys([*_STATUSES, *(kind.value for kind in FaultKind)], 0)
        self._failures: dict[str, int] = dict.fromkeys(get_args(Work), 0)
        self._unrecorded = self._given_up = self._gone = self._pauses = 0
        self._claimed = self._released = self._published = self._purged = 0
        self._in_flight = 0
        self._claims = _Histogram(CLAIM_SECONDS)
        self._durations = _Histogram(DURATION_SECONDS)
        self._lateness = _Histogram(LATENESS_SECONDS)
        self._watched = False
        self._overview: Overview | None = None
        registry.register(self)

    def claimed(self, tasks: int, seconds: float) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        self._claims.add(seconds)
        self._claimed += tasks
        self._in_flight += tasks

    def attempted(
        self, result: Result, *, recorded: bool, lateness: float, fault: FaultKind | None = None
    ) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        attempt = result.attempt
        self._in_flight -= 1
        outcome = outcome_of(attempt.status, fault)
        self._attempts[outcome] = self._attempts.get(outcome, 0) + 1
        self._durations.add(attempt.duration_ms / 1000)
        self._lateness.add(lateness)
        if not recorded:
            self._unrecorded += 1
        elif not attempt.succeeded:
            self._given_up += result.retry_in is None
            self._gone += result.disables_endpoint
            self._pauses += result.pauses

    def released(self, tasks: int) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        self._released += tasks
        self._in_flight -= tasks

    def published(self, messages: int) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        self._published += messages

    def purged(self, rows: int) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        self._purged += rows

    def failed(self, work: Work) -> None:
        """See :class:`~hookseal_sender.observe.Observer`."""
        self._failures[work] += 1
        self._in_flight -= work == "deliver"

    def show(self, overview: Overview | None) -> None:
        """Collect this state of the whole sender from now on; None: the database is away."""
        self._watched = True
        self._overview = overview

    def describe(self) -> Iterator[Metric]:
        """Yield what :meth:`collect` does, so that a registry takes this once."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it is now."""
        yield InfoMetricFamily("hookseal_sender", "The release.", {"version": version("hookseal")})
        yield from self._of_deliveries()
        yield from self._of_work()
        if self._watched:
            yield from self._of_the_whole()

    def _of_deliveries(self) -> Iterator[Metric]:
        yield _counters("attempts", "Requests to endpoints, by how they ended.", self._attempts)
        yield self._durations.family("attempt_duration_seconds", "How long requests took.")
        yield self._lateness.family(
            "lateness_seconds", "From when an attempt was due to when it was made."
        )
        yield _gauge("in_flight", "Claimed deliveries of this process.", self._in_flight)
        yield _counter(
            "unrecorded_attempts",
            "Attempts whose lease had ended, so that another made them too.",
            self._unrecorded,
        )
        yield _counter("given_up", "Deliveries whose last retry failed.", self._given_up)
        yield _counter("gone", "Answers 410, which disable the endpoint.", self._gone)
        yield _counter("pauses", "Answers that let the endpoint rest.", self._pauses)

    def _of_work(self) -> Iterator[Metric]:
        yield self._claims.family("claim_duration_seconds", "How long the database took to claim.")
        yield _counter("claimed", "Deliveries that were claimed.", self._claimed)
        yield _counter("released", "Deliveries given back at a stop.", self._released)
        yield _counter("published", "Messages that were accepted.", self._published)
        yield _counter("purged_rows", "Rows removed because their time was up.", self._purged)
        yield _counters("failures", "Failures of our own, by what failed.", self._failures, "work")

    def _of_the_whole(self) -> Iterator[Metric]:
        overview = self._overview
        yield _gauge("database_up", "Whether the database answers.", overview is not None)
        if overview is None:
            return
        states = GaugeMetricFamily(
            _PREFIX + "deliveries", "Deliveries of the whole sender, by state.", labels=["state"]
        )
        for state, count in overview.deliveries.items():
            states.add_metric([state.name.lower()], count)
        yield states
        yield _gauge(
            "oldest_ready_seconds",
            "How long the oldest delivery that waits for a worker has waited.",
            self._age(overview.oldest_ready_ms),
        )
        yield _gauge("endpoints", "Endpoints of the whole sender.", overview.endpoints)
        yield _gauge("endpoints_disabled", "Endpoints disabled.", overview.endpoints_disabled)

    def _age(self, since_ms: int | None) -> float:
        """Return seconds; 0 where the database's clock is ahead of ours."""
        return 0.0 if since_ms is None else max(0.0, self._clock() - since_ms / 1000)


def new_registry() -> CollectorRegistry:
    """Return a registry that tells about this process: its memory, CPU time, open files."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def metrics_route(
    registry: CollectorRegistry, metrics: SenderMetrics, overview: OverviewCache
) -> Route:
    """Return the route ``/metrics``, which shows the registry and the state of the whole sender."""

    async def show(request: Request) -> Response:
        metrics.show(await overview.get())
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return Route("/metrics", show, methods=["GET"])


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, text, value=value)


def _counter(name: str, text: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(_PREFIX + name, text, value=value)


def _counters(
    name: str, text: str, values: Mapping[str, int], label: str = "outcome"
) -> CounterMetricFamily:
    family = CounterMetricFamily(_PREFIX + name, text, labels=[label])
    for each, value in values.items():
        family.add_metric([each], value)
    return family
