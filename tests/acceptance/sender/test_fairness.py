"""Endpoints that hang do not hold up the others."""

from __future__ import annotations

import pytest

from .processes import until
from .running import caller
from .tenant import Tenant

pytestmark = pytest.mark.acceptance
GOOD, HANGING, MESSAGES = 18, 2, 50
TIMEOUT = 20
MAX_IN_FLIGHT = 50
"""Fewer than the deliveries that hang: in the order of publishing they would fill every place."""


def test_the_good_endpoints_have_all_while_a_tenth_hangs_in_its_first_requests(new_sender, sink):
    sender = new_sender(request_timeout=TIMEOUT, max_in_flight=MAX_IN_FLIGHT)
    serving = sender.serve()
    with caller(serving.url, sender.token()) as api:
        tenant = Tenant(api)
        for number in range(HANGING):
            tenant.endpoint(f"{sink.url}/hang/{number}")
        for _ in range(GOOD):
            tenant.endpoint(f"{sink.url}/timed/good")
        for _ in range(MESSAGES):
            tenant.publish()
    for _ in until(TIMEOUT / 2, "the good ones have all", 0.1):
        if len(seconds := sink.seconds("good")) == GOOD * MESSAGES:
            break
    serving.kill()  # its requests hang

    assert max(seconds) < TIMEOUT / 2
    assert all(sink.seconds(str(number)) for number in range(HANGING))
