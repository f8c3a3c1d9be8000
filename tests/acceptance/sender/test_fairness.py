"""Endpoints that hang do not hold up the others, for as long as they hang."""

from __future__ import annotations

import statistics

import pytest

from .processes import until
from .running import caller
from .tenant import Tenant

pytestmark = [pytest.mark.acceptance, pytest.mark.alone]
MAX_IN_FLIGHT, TIMEOUT, PER_SECOND = 100, 3, 5
"""Ten that hang, each with ten under way, would fill every place before the first times out."""
SECONDS = 10
"""More than three timeouts: what was given up is tried again, and hangs again."""
GOOD = 90
LEAST = 0.5
"""Seconds: below that a busy machine makes more of a difference than those that hang; benchmarks
measure it on a quiet one."""


def test_a_tenth_that_hangs_delays_no_others(sender, sink):
    alone = waits(sender, sink, "alone", hanging=0)
    beside = waits(sender, sink, "beside", hanging=10)
    assert p99(beside) <= 2 * max(p99(alone), LEAST)


def test_a_tenant_whose_endpoints_all_hang_delays_no_other(sender, sink):
    alone = waits(sender, sink, "alone", hanging=0)
    beside = waits(sender, sink, "beside", hanging=25, of_another=True)
    assert p99(beside) <= 2 * max(p99(alone), LEAST)


@pytest.fixture
def sender(new_sender):
    return new_sender(request_timeout=TIMEOUT, max_in_flight=MAX_IN_FLIGHT)


def waits(sender, sink, name, *, hanging, of_another=False):
    """Return the seconds from publish to attempt at the good endpoints of a new process."""
    serving = sender.serve()
    published = 0
    with caller(serving.url, sender.token()) as api:
        tenant = Tenant(api)
        for _ in range(GOOD):
            tenant.endpoint(f"{sink.url}/timed/{name}")
        tenants = [tenant, Tenant(api)] if of_another else [tenant]
        for number in range(hanging):
            url = f"{sink.url}/hang/{name}{number}"
            tenants[-1].endpoint(url, retrySchedule=[1] * 5)
        for gone in until(2 * SECONDS, "everything is published", 1 / PER_SECOND):
            for each in tenants:
                each.publish()
            published += 1
            if gone > SECONDS:
                break
    for _ in until(5 * TIMEOUT, "the good ones have all", 0.1):
        if len(seconds := sink.seconds(name)) == GOOD * published:
            break
    serving.kill()  # its requests hang
    assert all(len(sink.seconds(f"{name}{number}")) > 1 for number in range(hanging))
    return seconds


def p99(seconds):
    return statistics.quantiles(seconds, n=100)[-1]
