import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.servers.raw import exchange, runs, slow
from tests.middleware.hostile.delivery import baseline

pytestmark = pytest.mark.acceptance

AT_ONCE = 50


@pytest.mark.parametrize("server", ["uvicorn", "granian-asgi", "granian-wsgi", "gunicorn-gthread"])
def test_fifty_deliveries_of_one_event_run_the_handler_once(server, start):
    port = start(server).port
    delivery = slow(baseline(time.time()))
    before = runs(port)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        responses = list(pool.map(lambda _: exchange(port, delivery), range(AT_ONCE)))

    assert runs(port) == before + 1
    late = [response for response in responses if response.status != 200]
    assert {response.status for response in late} <= {503}
    assert all(int(response.headers["retry-after"]) >= 1 for response in late)
    assert exchange(port, delivery).status == 200
    assert runs(port) == before + 1
