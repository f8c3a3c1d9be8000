"""What only a connection shows: a body that is awaited, stalls, or never ends."""

import contextlib
import time
from dataclasses import replace

import pytest

from tests.acceptance.servers.raw import (
    CLOSED,
    body_of,
    connect,
    exchange,
    half_close,
    head_of,
    read_response,
    read_statuses,
    runs,
)
from tests.acceptance.servers.running import SERVERS
from tests.middleware.hostile.delivery import BODY, SIGNATURE, baseline

pytestmark = pytest.mark.acceptance

EXPECT = (b"Expect", b"100-continue")
MIB = 1024 * 1024


def each(servers):
    return pytest.mark.parametrize("server", servers, ids=str)


@each([server for server in SERVERS if server.gives_body_as_it_comes])
@pytest.mark.parametrize("refuse", ["unsigned", "malformed", "too-large", "plain-http"])
def test_a_client_that_asks_first_hears_the_refusal_instead_of_sending(server, refuse, start):
    port = start(server.name).port
    delivery = baseline(time.time())
    make = {
        "unsigned": lambda d: d.without(SIGNATURE),
        "malformed": lambda d: d.signed(event_id=b"a.b"),
        "too-large": lambda d: replace(d, declared=b"100000000"),
        "plain-http": lambda d: d.set(b"x-forwarded-proto", b"http"),
    }[refuse]
    with connect(port) as connection:
        connection.sendall(head_of(make(delivery), "proxied", EXPECT))
        response = read_response(connection)
    assert 400 <= response.status < 500


@each(SERVERS)
def test_a_client_that_asks_first_is_served(server, start):
    port = start(server.name).port
    delivery = baseline(time.time())
    before = runs(port)
    with connect(port) as connection:
        connection.sendall(head_of(delivery, "proxied", EXPECT))
        connection.sendall(body_of(delivery))
        assert read_response(connection).status == 200
    assert runs(port) == before + 1


@each([server for server in SERVERS if server.face == "asgi"])
def test_a_body_that_stalls_is_given_up(server, start):
    port = start(server.name).port
    delivery = baseline(time.time())
    before = runs(port)
    with connect(port) as connection:
        connection.sendall(head_of(delivery, "impatient") + BODY[:5])
        assert read_response(connection).status == 408
    assert runs(port) == before


@each(SERVERS)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_client_that_hangs_up_in_its_body_may_come_again(server, framing, start):
    running = start(server.name)
    delivery = replace(baseline(time.time()), framing=framing)
    before = runs(running.port)
    started = body_of(delivery)[:20]
    with connect(running.port) as connection:
        connection.sendall(head_of(delivery) + started)

    response = exchange(running.port, replace(delivery, framing="length"))

    assert response.status == 200
    assert runs(running.port) == before + 1
    assert "Traceback" not in running.log.read_text()


@each(SERVERS)
def test_a_chunked_body_without_end_is_refused_at_the_cap(server, start):
    port = start(server.name).port
    delivery = baseline(time.time()).chunked()
    before = runs(port)
    sent, response = 0, CLOSED
    with (
        connect(port) as connection,
        contextlib.suppress(ConnectionError),
    ):
        connection.sendall(head_of(delivery))
        while sent < 100 * MIB:
            connection.sendall(b"%x\r\n%b\r\n" % (MIB, bytes(MIB)))
            sent += MIB
        response = read_response(connection)
    assert sent < 100 * MIB
    assert response.status is None or 400 <= response.status < 500
    assert runs(port) == before


@each([server for server in SERVERS if server.takes_chunked])
@pytest.mark.parametrize(
    "body",
    [b"zz\r\nabc\r\n0\r\n\r\n", b"-5\r\nabcde\r\n0\r\n\r\n", b"5\r\nabc", b"FFFFFFFFFFFFFFFFF\r\n"],
    ids=["not-hex", "negative", "cut", "overflow"],
)
def test_broken_chunks_are_the_clients_fault(server, body, start):
    port = start(server.name).port
    delivery = baseline(time.time()).chunked()
    before = runs(port)
    response = CLOSED
    with connect(port) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(head_of(delivery) + body)
        half_close(connection)
        response = read_response(connection)
    assert response.status is None or 400 <= response.status < 500
    assert runs(port) == before


@each(SERVERS)
def test_an_answer_is_the_same_problem_on_every_server(server, start):
    port = start(server.name).port
    delivery = baseline(time.time()).signature(b"v1,AAAA")
    response = exchange(port, delivery)
    assert response.status == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert b'"code": "signature_invalid"' in response.body


@each(SERVERS)
def test_a_duplicate_gets_the_first_answer_and_no_second_run(server, start):
    port = start(server.name).port
    delivery = baseline(time.time())
    before = runs(port)
    first, second = exchange(port, delivery), exchange(port, delivery)
    assert (first.status, first.body) == (second.status, second.body) == (200, b"handled")
    assert second.headers["webhook-replayed"] == "true"
    assert runs(port) == before + 1


@each(SERVERS)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_the_body_of_a_refused_request_is_never_the_next_request(server, framing, start):
    port = start(server.name).port
    hidden = baseline(time.time())
    inner = head_of(hidden) + body_of(hidden)
    outer = replace(baseline(time.time()).without(SIGNATURE), chunks=(inner,), framing=framing)
    before = runs(port)
    statuses = []
    with connect(port) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(head_of(outer, connection=b"keep-alive") + body_of(outer))
        half_close(connection)
        statuses = read_statuses(connection)
    assert statuses in ([], [400], [411])
    assert runs(port) == before


@each(SERVERS)
@pytest.mark.parametrize("size", [len(BODY), 256 * 1024])
def test_a_kept_connection_serves_an_honest_delivery_after_a_refused_one_or_closes(
    server, size, start
):
    port = start(server.name).port
    refused = baseline(time.time()).send(bytes(size)).without(SIGNATURE)
    honest = baseline(time.time())
    before = runs(port)
    statuses = []
    with connect(port) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(head_of(refused, connection=b"keep-alive") + body_of(refused))
        connection.sendall(head_of(honest) + body_of(honest))
        statuses = read_statuses(connection)
    assert statuses in ([400, 200], [400], [])
    assert runs(port) - before == statuses.count(200)
