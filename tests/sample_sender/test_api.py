"""The REST API: first in process, then through the official SDK over a real server."""

import asyncio
import contextlib
import json
import time

import httpx2
import pytest
import svix
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from svix.api import (
    ApplicationIn,
    EndpointIn,
    EndpointPatch,
    MessageAttemptListByMsgOptions,
    MessageIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError
from svix.models import EndpointUpsertIn

from hookseal_sender.addresses import AddressGuard, parse_network
from hookseal_sender.api import Services, create_app
from hookseal_sender.api.call import MAX_BODY_BYTES
from hookseal_sender.errors import StoreUnavailable
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.retry import RetrySchedule
from hookseal_sender.store import SqlStore
from hookseal_sender.tokens import TokenKey
from hookseal_sender.transport import HttpTransport
from hookseal_sender.worker import Worker, WorkerPolicy

pytestmark = pytest.mark.anyio
KEY = TokenKey(b"k" * 32)
LOOPBACK = AddressGuard([parse_network("127.0.0.0/8")])


def token_of(clock, app_id=None):
    return KEY.issue(Scope(org_id=DEFAULT_ORGANISATION, app_id=app_id), now=int(clock()))


@pytest.fixture
async def services(store, clock):
    return Services(store=store, tokens=KEY, guard=LOOPBACK, clock=clock)


@pytest.fixture
async def client(services, clock):
    transport = httpx2.ASGITransport(create_app(services), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {token_of(clock)}"}
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://sender/api/v1", headers=headers
    ) as client:
        yield client


@pytest.fixture
async def app_id(client):
    return (await client.post("/app", json={"name": "tenant", "uid": "tenant"})).json()["id"]


URL = {"url": "https://example.com/hook"}


async def test_applications(client):
    made = await client.post("/app/", json={"name": "a", "uid": "u", "metadata": {"k": "v"}})
    assert made.status_code == 201
    body = made.json()
    assert body["id"].startswith("app_")
    assert (body["name"], body["uid"], body["metadata"]) == ("a", "u", {"k": "v"})
    assert body["createdAt"].endswith("Z")
    assert (await client.get("/app/u")).json() == body
    again = await client.post("/app", json={"name": "a", "uid": "u"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    found = await client.post(
        "/app", params={"get_if_exists": "true"}, json={"name": "b", "uid": "u"}
    )
    assert (found.status_code, found.json()) == (200, body)
    assert (await client.get("/app")).json()["data"] == [body]
    assert (await client.delete(f"/app/{body['id']}")).status_code == 204
    assert (await client.get("/app/u")).status_code == 404


async def test_endpoints(client, app_id):
    base = f"/app/{app_id}/endpoint"
    made = await client.post(
        base, json={**URL, "name": "Orders", "eventTypes": ["user.*"], "uid": "e"}
    )
    assert made.status_code == 201
    body = made.json()
    assert (body["name"], body["eventTypes"], body["disabled"]) == ("Orders", ["user.*"], False)
    assert "secret" not in body
    assert (await client.get(f"{base}/e")).json() == body
    secret = (await client.get(f"{base}/{body['id']}/secret")).json()["key"]
    assert secret.startswith("whsec_")
    patched = await client.patch(f"{base}/e", json={"disabled": True, "filterTypes": ["a", "b"]})
    assert patched.json()["disabled"]
    assert patched.json()["eventTypes"] == ["a", "b"]
    assert patched.json()["name"] == "Orders"
    assert (await client.patch(f"{base}/e", json={"eventTypes": None})).json()["eventTypes"] is None
    put = await client.put(f"{base}/e", json={"url": "https://example.org/", "description": "d"})
    assert (put.status_code, put.json()["name"], put.json()["uid"]) == (200, "d", "e")
    assert (await client.put(f"{base}/new", json=URL)).status_code == 201
    assert (await client.get(f"{base}/new")).json()["name"] == "example.com"
    assert (await client.put(f"{base}/ep_new", json=URL)).status_code == 404
    assert (await client.patch(f"{base}/new", json={"uid": "e"})).status_code == 409
    assert (await client.delete(f"{base}/e")).status_code == 204
    assert (await client.get(f"{base}/e")).json()["code"] == "not_found"


async def test_a_given_secret_is_used_with_or_without_its_prefix(client, app_id):
    for uid, secret in (("a", "whsec_" + "QUFB" * 8), ("b", "QUFB" * 8)):
        await client.post(f"/app/{app_id}/endpoint", json={**URL, "secret": secret, "uid": uid})
        got = await client.get(f"/app/{app_id}/endpoint/{uid}/secret")
        assert got.json() == {"key": "whsec_" + "QUFB" * 8}


async def test_messages(client, app_id):
    body = {"eventType": "user.created", "payload": {"n": 1.5, "é": "😀"}, "eventId": "mine"}
    made = await client.post(f"/app/{app_id}/msg", json=body)
    assert made.status_code == 202
    assert made.json()["payload"] == body["payload"]
    lean = await client.get(f"/app/{app_id}/msg/mine", params={"with_content": "false"})
    assert lean.json() == {**made.json(), "payload": {}}
    assert (await client.post(f"/app/{app_id}/msg", json=body)).status_code == 409
    second = await client.post(f"/app/{app_id}/msg", json={"eventType": "b", "payload": {}})
    assert second.json()["payload"] == {}
    assert len((await client.get(f"/app/{app_id}/msg")).json()["data"]) == 2
    only = await client.get(
        f"/app/{app_id}/msg",
        params={"event_types": "b,c", "after": "2020-01-01", "before": "2099-01-01T00:00:00Z"},
    )
    assert [each["id"] for each in only.json()["data"]] == [second.json()["id"]]


async def test_pages(client, app_id, clock):
    ids = []
    for _ in range(3):
        clock.advance(1)
        made = await client.post(f"/app/{app_id}/endpoint", json=URL)
        ids.append(made.json()["id"])
    base = f"/app/{app_id}/endpoint"
    first = (await client.get(base, params={"limit": 2})).json()
    assert [each["id"] for each in first["data"]] == ids[:2]
    assert (first["iterator"], first["prevIterator"], first["done"]) == (
        ids[1],
        f"-{ids[0]}",
        False,
    )
    rest = (await client.get(base, params={"limit": 2, "iterator": ids[1]})).json()
    assert ([each["id"] for each in rest["data"]], rest["done"]) == (ids[2:], True)
    back = (await client.get(base, params={"iterator": rest["prevIterator"]})).json()
    assert [each["id"] for each in back["data"]] == ids[:2]
    end = (await client.get(base, params={"iterator": ids[2]})).json()
    assert end == {"data": [], "iterator": ids[2], "prevIterator": None, "done": True}
    newest = (await client.get(base, params={"order": "descending"})).json()
    assert [each["id"] for each in newest["data"]] == ids[::-1]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/app", {}, "name"),
        ("/app", {"name": " "}, "name"),
        ("/app", {"name": 5}, "name"),
        ("/app", {"name": "a\x00"}, "name"),
        ("/app", {"name": "a" * 300}, "name"),
        ("/app", {"name": "a", "uid": "app_x"}, "uid"),
        ("/app", {"name": "a", "uid": "a b"}, "uid"),
        ("/app", {"name": "a", "metadata": []}, "metadata"),
        ("/app", {"name": "a", "metadata": {"k": 1}}, "metadata"),
        ("/app", {"name": "a", "metadata": {"k": "v" * 5000}}, "metadata"),
        ("/app", {"name": "a", "throttleRate": 5}, "throttleRate"),
        ("/app/tenant/endpoint", {}, "url"),
        ("/app/tenant/endpoint", {"url": "http://10.0.0.1/"}, "url"),
        ("/app/tenant/endpoint", {**URL, "name": ""}, "name"),
        ("/app/tenant/endpoint", {**URL, "eventTypes": []}, "eventTypes"),
        ("/app/tenant/endpoint", {**URL, "eventTypes": "a"}, "eventTypes"),
        ("/app/tenant/endpoint", {**URL, "eventTypes": ["a", "a"]}, "eventTypes"),
        ("/app/tenant/endpoint", {**URL, "eventTypes": ["a*"]}, "eventTypes"),
        ("/app/tenant/endpoint", {**URL, "filterTypes": [5]}, "filterTypes"),
        ("/app/tenant/endpoint", {**URL, "disabled": "yes"}, "disabled"),
        ("/app/tenant/endpoint", {**URL, "secret": "whsec_c2hvcnQ="}, "secret"),
        ("/app/tenant/endpoint", {**URL, "secret": "whsk_" + "A" * 43 + "="}, "secret"),
        ("/app/tenant/endpoint", {**URL, "channels": ["a"]}, "channels"),
        ("/app/tenant/msg", {"payload": {}}, "eventType"),
        ("/app/tenant/msg", {"eventType": "a b", "payload": {}}, "eventType"),
        ("/app/tenant/msg", {"eventType": "a"}, "payload"),
        ("/app/tenant/msg", {"eventType": "a", "payload": "text"}, "payload"),
        ("/app/tenant/msg", {"eventType": "a", "payload": {}, "eventId": "msg_1"}, "eventId"),
    ],
)
async def test_a_bad_field_is_named_with_its_rule(client, app_id, path, body, field):
    answer = await client.post(path, json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["detail"]
    assert error["loc"] == ["body", field]
    assert error["msg"]
    assert error["type"]


@pytest.mark.parametrize(
    ("list_of", "query"),
    [
        ("msg", "limit=0"), ("msg", "limit=251"), ("msg", "limit=x"), ("msg", "before=soon"),
        ("msg", "channel=a"), ("endpoint", "order=up"), ("attempt/endpoint/e", "status=1"),
        ("attempt/endpoint/e", "after=9999-99-99"), ("attempt/endpoint/e", "status_code_class=200"),
    ],
)  # fmt: skip
async def test_a_bad_query_is_named(client, app_id, list_of, query):
    await client.post(f"/app/{app_id}/endpoint", json={**URL, "uid": "e"})
    answer = await client.get(f"/app/{app_id}/{list_of}?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", query.split("=")[0]]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"5", b"\xff", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}',
             b'{"a":' * 5000, b'{"a": ' + b"9" * 5000 + b"}"],
)  # fmt: skip
async def test_malformed_json_is_a_400(client, body):
    answer = await client.post("/app", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


async def test_a_body_over_the_limit_is_a_413(client):
    answer = await client.post("/app", content=b" " * (MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


async def test_every_refusal_is_json(client, app_id):
    for answer, status, code in (
        (await client.get("/nowhere"), 404, "not_found"),
        (await client.put("/app", json={}), 405, "method_not_allowed"),
        (await client.get("/app/unknown"), 404, "not_found"),
        (await client.get(f"/app/{app_id}/msg/unknown"), 404, "not_found"),
        (await client.get("http://sender/"), 404, "not_found"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["detail"]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer a.b.c", "Bearer é"]
)
async def test_without_a_good_token_nothing_is_said(client, header):
    answer = await client.get("/app", headers={"authorization": header.encode()})
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")


async def test_an_application_token_covers_its_application(client, app_id, clock):
    other = (await client.post("/app", json={"name": "other"})).json()["id"]
    mine = {"authorization": f"Bearer {token_of(clock, app_id)}"}
    assert (await client.get("/app/tenant/endpoint", headers=mine)).status_code == 200
    assert (await client.get(f"/app/{other}/endpoint", headers=mine)).status_code == 404
    for refused in (
        await client.get("/app", headers=mine),
        await client.post("/app", json={"name": "x"}, headers=mine),
        await client.delete(f"/app/{app_id}", headers=mine),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_access")


async def test_health_needs_no_token(client, store, monkeypatch):
    ping = await client.get("/health/ping/", headers={"authorization": ""})
    assert (ping.status_code, ping.content) == (204, b"")
    assert (await client.head("/health")).status_code == 200
    assert (await client.get("/health")).json() == {"database": {"status": "ok"}}

    async def fail():
        raise StoreUnavailable("down")

    monkeypatch.setattr(store, "ping", fail)
    assert (await client.get("/health")).status_code == 500


async def test_a_database_that_fails_is_a_503_and_a_bug_a_500_without_its_words(
    client, store, monkeypatch
):
    async def fail(*_args):
        raise errors.pop()

    errors = [ValueError("internal words"), StoreUnavailable("the database failed")]
    monkeypatch.setattr(store, "applications", fail)
    answer = await client.get("/app")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    answer = await client.get("/app")
    assert answer.status_code == 500
    assert "internal" not in answer.text


async def test_a_client_that_goes_away_is_no_error(services, clock):
    sent = []
    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/app", "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token_of(clock)}".encode())],
    }  # fmt: skip

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await create_app(services)(scope, receive, send)
    assert sent[0]["status"] == 400


OPERATIONS = (
    ("POST", "/api/v1/app"), ("PUT", "/api/v1/app/t/endpoint/e"),
    ("POST", "/api/v1/app/t/endpoint"),
    ("PATCH", "/api/v1/app/t/endpoint/e"), ("POST", "/api/v1/app/t/msg"),
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "name",
        "uid",
        "url",
        "metadata",
        "description",
        "eventTypes",
        "filterTypes",
        "disabled",
        "secret",
        "eventType",
        "payload",
        "eventId",
        "channels",
    ]
)
BODIES = st.binary(max_size=200) | st.dictionaries(NAMES, JSON, max_size=5).map(
    lambda value: json.dumps(value).encode()
)


@given(
    operation=st.sampled_from(OPERATIONS),
    body=BODIES,
    query=st.text(max_size=30),
    path=st.text(max_size=10),
    method=st.sampled_from(["GET", "DELETE", "POST", "HEAD", "FOO"]),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_input_makes_a_server_error(
    tmp_path_factory, clock, operation, body, query, path, method
):
    async def ask():
        store = SqlStore(
            f"sqlite:///{tmp_path_factory.getbasetemp()}/fuzz.db", clock=clock.database
        )
        services = Services(store=store, tokens=KEY, guard=LOOPBACK, clock=clock)
        transport = httpx2.ASGITransport(create_app(services))
        headers = {"authorization": f"Bearer {token_of(clock)}"}
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://s", headers=headers
        ) as client:
            with contextlib.suppress(StopAsyncIteration):
                await client.post("/api/v1/app?get_if_exists=true", json={"name": "t", "uid": "t"})
            answers = [
                await client.request(operation[0], operation[1], content=body),
                await client.get("/api/v1/app/t/msg", params={"iterator": query, "before": query}),
                await client.get("/api/v1/app", params={"limit": query, "order": query}),
                await client.request(
                    method, httpx2.URL("http://s/api/v1/app/t/msg/").join(_quoted(path))
                ),
            ]
        await store.close()
        return answers

    for answer in asyncio.run(ask()):
        assert answer.status_code < 500
        if answer.content:
            answer.json()


def _quoted(path):
    return "".join(f"%{byte:02x}" for byte in path.encode("utf-8", "surrogatepass"))


class Receiver:
    """A customer's endpoint: answers from a script, then 200."""

    def __init__(self, *script):
        self.script, self.requests, self.arrived = list(script), [], asyncio.Event()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = (await receive())["body"]
        self.requests.append(({k.decode(): v.decode() for k, v in scope["headers"]}, body))
        status = self.script.pop(0) if self.script else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"thanks"})
        if status == 200:
            self.arrived.set()


async def test_the_official_sdk_from_application_to_verified_delivery(database_url, served):
    """One event end to end, on the real clock, with real sockets on every side."""
    store, receiver = SqlStore(database_url), Receiver(500)
    services = Services(store=store, tokens=KEY, guard=LOOPBACK, clock=time.time)
    transport = HttpTransport(LOOPBACK)
    policy = WorkerPolicy(schedule=RetrySchedule(delays=(0.01, 0.01)))
    worker = Worker(store, transport, policy)
    async with served(create_app(services)) as api, served(receiver) as target:
        running = asyncio.create_task(worker.run())
        sdk = Svix(token_of(time.time), SvixOptions(server_url=api))
        call = asyncio.to_thread
        application = await call(sdk.application.create, ApplicationIn(name="tenant", uid="t"))
        endpoint = await call(
            sdk.endpoint.create,
            application.id,
            EndpointIn(url=f"{target}/hook", description="mine", event_types=["user.*"]),
        )
        assert (await call(sdk.endpoint.get, "t", endpoint.id)) == endpoint
        secret = await call(sdk.endpoint.get_secret, "t", endpoint.id)
        message = await call(
            sdk.message.create, "t", MessageIn(event_type="user.created", payload={"a": 1})
        )
        await asyncio.wait_for(receiver.arrived.wait(), 10)
        worker.stop()
        await running
        for headers, body in receiver.requests:
            svix.Webhook(secret.key).verify(body, headers)
            assert headers["webhook-id"] == message.id
        listed = await call(
            sdk.message_attempt.list_by_msg,
            "t",
            message.id,
            MessageAttemptListByMsgOptions(with_content=True),
        )
        assert [each.response_status_code for each in listed.data] == [200, 500]
        assert listed.data[0].response == "thanks"
        by_endpoint = await call(sdk.message_attempt.list_by_endpoint, "t", endpoint.id)
        assert [each.id for each in by_endpoint.data] == [each.id for each in listed.data]
        assert by_endpoint.data[0].response == "{}"
        narrowed = await call(
            sdk.message_attempt.list_by_msg, "t", message.id,
            MessageAttemptListByMsgOptions(endpoint_id=endpoint.id),
        )  # fmt: skip
        assert len(narrowed.data) == 2

        patched = await call(sdk.endpoint.patch, "t", endpoint.id, EndpointPatch(disabled=True))
        assert patched.disabled
        replaced = await call(
            sdk.endpoint.upsert, "t", endpoint.id, EndpointUpsertIn(url="https://example.com/")
        )
        assert (replaced.id, replaced.url) == (endpoint.id, "https://example.com/")
        assert [each.id for each in (await call(sdk.endpoint.list, "t")).data] == [endpoint.id]
        assert [each.id for each in (await call(sdk.message.list, "t")).data] == [message.id]
        assert (await call(sdk.message.get, "t", message.id)).id == message.id
        assert [each.uid for each in (await call(sdk.application.list)).data] == ["t"]
        with pytest.raises(HTTPValidationError):
            await call(sdk.endpoint.create, "t", EndpointIn(url="http://10.0.0.1/"))
        await call(sdk.endpoint.delete, "t", endpoint.id)
        with pytest.raises(HttpError) as caught:
            await call(sdk.endpoint.get, "t", endpoint.id)
        assert (caught.value.code, caught.value.status_code) == ("not_found", 404)
        await call(sdk.application.delete, "t")
        sdk.application._httpx_client.close()
    await transport.close()
    await store.close()
