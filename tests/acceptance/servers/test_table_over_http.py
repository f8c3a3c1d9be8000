import time

import pytest

from tests.acceptance.servers.raw import exchange, runs
from tests.acceptance.servers.running import SERVERS
from tests.middleware.hostile.delivery import baseline
from tests.middleware.hostile.table import CASES

pytestmark = pytest.mark.acceptance

OVER_HTTP = [case for case in CASES if case.over_http]

OUT_OF_OUR_HANDS = {
    # It keeps the last of two headers that WSGI gives one name: the proxy has to drop underscores.
    ("granian-wsgi", "X_Forwarded_Proto beside http"),
}


def refused(response):
    """A server may refuse in its own words, or hang up; it must not fail."""
    return response.status is None or 400 <= response.status < 500


def expected(case, server):
    if server.face == "wsgi" and case.on_wsgi is not None:
        return case.on_wsgi
    return case.answer


@pytest.mark.parametrize("server", SERVERS, ids=str)
@pytest.mark.parametrize("case", OVER_HTTP, ids=str)
def test_the_table_holds_over_http(case, server, start):
    if case.needs_cryptography:
        pytest.importorskip("cryptography")
    port = start(server.name).port
    delivery = case.make(baseline(time.time()))
    before = runs(port)

    response = exchange(port, delivery, case.profile)

    ran = runs(port) - before
    answer = expected(case, server)
    if delivery.framing == "chunked" and not server.takes_chunked:
        assert response.status in {411, None}
        assert ran == 0
    elif case.server_decides or (server.name, case.name) in OUT_OF_OUR_HANDS:
        assert (response.status, ran) == (200, 1) or (refused(response) and ran == 0)
    elif answer.refused:
        assert refused(response)
        assert ran == 0
    else:
        assert response.status == 200
        assert ran == int(answer.handled)
