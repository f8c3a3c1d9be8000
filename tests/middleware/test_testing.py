"""The client for the tests of apps that receive webhooks."""

import asyncio
import json
import threading
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from hookseal import ConfigError, Verifier, asgi, wsgi
from hookseal.testing import FakeClock, SignedRequest, WebhookClient

from .support import FACES, OTHER_SECRET, SECRET, Handler


def guarded(face, handler, **settings):
    middleware = {"asgi": asgi, "wsgi": wsgi}[face].WebhookMiddleware
    return middleware(getattr(handler, face), SECRET, **settings)


@pytest.fixture(params=FACES)
def handler_and_app(request):
    handler = Handler((202, [("X-Job", "7")], b'{"ok": true}'))
    return handler, guarded(request.param, handler, paths=["/hooks"])


def test_a_signed_webhook_is_accepted(handler_and_app):
    handler, app = handler_and_app
    client = WebhookClient(app, SECRET, path="/hooks")
    response = client.send({"type": "user.created"})
    assert (response.status, response.headers["x-job"]) == (202, "7")
    assert response.json() == {"ok": True}
    assert handler.events[0].json() == {"type": "user.created"}


def test_each_delivery_is_a_new_event_whichever_client_sends_it(handler_and_app):
    handler, app = handler_and_app
    clock = FakeClock()
    clients = [WebhookClient(app, SECRET, path="/hooks") for _ in range(2)]
    same_second = [WebhookClient(app, SECRET, clock=clock).sign() for _ in range(2)]
    for client in clients * 2:
        assert "webhook-replayed" not in client.send({}).headers
    assert handler.runs == 4
    assert same_second[0].headers["webhook-id"] != same_second[1].headers["webhook-id"]


def test_the_same_event_again_is_a_duplicate(handler_and_app):
    handler, app = handler_and_app
    client = WebhookClient(app, SECRET, path="/hooks")
    for _ in range(2):
        response = client.send(body=b"raw", event_id="evt_1")
    assert response.headers["webhook-replayed"] == "true"
    assert handler.events[0].body == b"raw"


def test_a_delivery_may_be_spoilt_before_it_is_sent(handler_and_app):
    handler, app = handler_and_app
    client = WebhookClient(app, SECRET, path="/hooks")
    request = client.sign({"amount": 1})
    spoilt = SignedRequest(headers=request.headers, body=b'{"amount": 2}')
    assert client.send_signed(spoilt).json()["code"] == "signature_invalid"
    assert client.send_signed(request).status == 202
    assert client.send({}, timestamp=1).json()["code"] == "timestamp_too_old"
    assert WebhookClient(app, OTHER_SECRET, path="/hooks").send({}).status == 401
    assert handler.runs == 1


def test_the_path_may_have_a_query(handler_and_app):
    _, app = handler_and_app
    assert WebhookClient(app, SECRET, path="/hooks?a=1").send({}).status == 202


def test_a_streamed_reply_is_read_to_its_end_and_closed():
    closed = []

    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            yield from [b"x" * 5000, b"y"]
        finally:
            closed.append(True)

    client = WebhookClient(wsgi.WebhookMiddleware(app, SECRET), SECRET)
    assert client.send({}).body == b"x" * 5000 + b"y"
    assert closed == [True]


def test_signing_takes_clock_and_timestamp():
    clock = FakeClock(1_700_000_000.9)
    client = WebhookClient(print, SECRET, clock=clock)
    assert client.sign({}).headers["webhook-timestamp"] == "1700000000"
    clock.advance(60)
    assert client.sign({}).headers["webhook-timestamp"] == "1700000060"
    request = client.sign({"a": 1}, timestamp=1_600_000_000, event_id="evt_1")
    assert request.headers["content-type"] == "application/json"
    event = Verifier(SECRET).verify(request.headers, request.body, now=1_600_000_000)
    assert (event.id, event.json()) == ("evt_1", {"a": 1})


def test_several_at_once_on_the_running_loop():
    handler = Handler()
    client = WebhookClient(guarded("asgi", handler), SECRET)

    async def scenario():
        return await asyncio.gather(*(client.asend({"n": number}) for number in range(5)))

    assert [response.status for response in asyncio.run(scenario())] == [200] * 5
    assert handler.runs == 5


def test_sending_works_where_a_loop_runs_too():
    client = WebhookClient(guarded("asgi", Handler()), SECRET)

    async def scenario():
        return client.send({}).status

    assert asyncio.run(scenario()) == 200


@pytest.mark.parametrize("target", ["https://example.com", lambda environ, start: []])
def test_what_cannot_be_awaited_is_named(target):
    client = WebhookClient(target, SECRET)
    with pytest.raises(ConfigError, match="asend needs an ASGI app or an async client"):
        asyncio.run(client.asend({}))


# --- a URL -----------------------------------------------------------------------------------


class Silent(WSGIRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def serving(app):
    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_url_is_sent_to_over_the_network(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    handler = Handler((200, [("X-Job", "7")], b"done"))
    with serving(guarded("wsgi", handler, allow_insecure_peers=["127.0.0.1"])) as url:
        client = WebhookClient(url, SECRET)
        response = client.send({"a": 1})
        refused = WebhookClient(url, OTHER_SECRET).send({"a": 1})
    assert (response.status, response.headers["x-job"], response.body) == (200, "7", b"done")
    assert (refused.status, refused.json()["code"]) == (401, "signature_invalid")
    assert handler.events[0].json() == {"a": 1}


@pytest.mark.parametrize("url", ["example.com/hooks", "file:///etc/passwd", "ftp://example.com"])
def test_what_is_no_url_is_named(url):
    with pytest.raises(ConfigError, match=r"^target: .* is no URL. Write one that begins with"):
        WebhookClient(url, SECRET).send({})


# --- HTTP clients ----------------------------------------------------------------------------


class Response:
    def __init__(self, headers, content):
        self.status_code, self.headers, self.content = 200, {"X-Sent": json.dumps(headers)}, content


class SyncClient:
    """The least that httpx and Starlette's test client have in common."""

    def request(self, method, url, *, content, headers):
        return Response({"method": method, "url": url, **headers}, content)


class AsyncClient:
    async def request(self, method, url, *, content, headers):
        return SyncClient().request(method, url, content=content, headers=headers)


def test_a_client_is_asked_to_send():
    response = WebhookClient(SyncClient(), SECRET, path="/hooks").send(body=b"raw")
    sent = json.loads(response.headers["x-sent"])
    assert (sent["method"], sent["url"], response.body) == ("POST", "/hooks", b"raw")
    assert Verifier(SECRET).verify(sent, b"raw")


def test_an_async_client_is_awaited():
    response = asyncio.run(WebhookClient(AsyncClient(), SECRET).asend(body=b"raw"))
    assert (response.status, response.body) == (200, b"raw")


def test_a_client_of_the_other_kind_is_named():
    with pytest.raises(ConfigError, match=r"send needs a sync client. Use asend"):
        WebhookClient(AsyncClient(), SECRET).send({})
    with pytest.raises(ConfigError, match=r"asend needs an ASGI app or an async client. Use send"):
        asyncio.run(WebhookClient(SyncClient(), SECRET).asend({}))


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_clients_of_real_libraries_are_taken(library):
    httpx = pytest.importorskip(library)
    handler = Handler()
    with httpx.Client(
        transport=httpx.WSGITransport(app=guarded("wsgi", handler)), base_url="https://app.test"
    ) as client:
        assert WebhookClient(client, SECRET).send({}).status == 200

    async def scenario():
        transport = httpx.ASGITransport(app=guarded("asgi", handler))
        async with httpx.AsyncClient(transport=transport, base_url="https://app.test") as client:
            return await WebhookClient(client, SECRET).asend({})

    assert asyncio.run(scenario()).status == 200
    assert handler.runs == 2


def test_starlettes_test_client_is_taken():
    testclient = pytest.importorskip("starlette.testclient")
    handler = Handler()
    client = testclient.TestClient(guarded("asgi", handler), base_url="https://app.test")
    assert WebhookClient(client, SECRET).send({}).status == 200
    assert handler.runs == 1
