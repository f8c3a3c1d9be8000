"""What holds for every request: refusals, limits, repeats, browsers, and hostile input."""

import asyncio
import json
import time

import httpx2
import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from hookseal_sender.api import create_app
from hookseal_sender.api.body import MAX_BODY_BYTES
from hookseal_sender.api.dispatch import Dispatcher
from hookseal_sender.api.idempotency import under_way
from hookseal_sender.api.limits import RateLimit, RateLimited, address_key
from hookseal_sender.api.operations import OPERATIONS
from hookseal_sender.errors import StoreUnavailable
from hookseal_sender.model import Keyed, StoredReply
from tests.sample_sender.api.conftest import URL

pytestmark = pytest.mark.anyio


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
        ("/app", {"name": "a", "uid": ""}, "uid"),
        ("/app", {"name": "a", "metadata": []}, "metadata"),
        ("/app", {"name": "a", "metadata": {"k": 1}}, "metadata"),
        ("/app", {"name": "a", "metadata": {"k": "\x00"}}, "metadata"),
        ("/app", {"name": "a", "metadata": {"k": "v" * 5000}}, "metadata"),
        ("/app", {"name": "a", "throttleRate": 0}, "throttleRate"),
        ("/app", {"name": "a", "throttleRate": 65536}, "throttleRate"),
        ("/app", {"name": "a", "throttleRate": 1.5}, "throttleRate"),
        ("/app", {"name": "a", "rateLimit": "5"}, "rateLimit"),
        ("/app", {"name": "a", "plan": ""}, "plan"),
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
        ("/app/tenant/endpoint", {**URL, "secret": "whpk_" + "A" * 43 + "="}, "secret"),
        ("/app/tenant/endpoint", {**URL, "secret": "whsec_" + "QUFB" * 8, "signing": "v1a"},
         "signing"),
        ("/app/tenant/endpoint", {**URL, "signing": "v2"}, "signing"),
        ("/app/tenant/endpoint", {**URL, "channels": ["a b"]}, "channels"),
        ("/app/tenant/endpoint", {**URL, "channels": list("abcdefghijk")}, "channels"),
        ("/app/tenant/endpoint", {**URL, "channels": ["a" * 129]}, "channels"),
        ("/app/tenant/endpoint", {**URL, "retrySchedule": [0]}, "retrySchedule"),
        ("/app/tenant/endpoint", {**URL, "retrySchedule": 5}, "retrySchedule"),
        ("/app/tenant/endpoint", {**URL, "retrySchedule": [1] * 21}, "retrySchedule"),
        ("/app/tenant/endpoint", {**URL, "retrySchedule": [10**400]}, "retrySchedule"),
        ("/app/tenant/endpoint", {**URL, "timeout": 61}, "timeout"),
        ("/app/tenant/endpoint", {**URL, "timeout": True}, "timeout"),
        ("/app/tenant/endpoint/e/secret/rotate", {"gracePeriodSeconds": 604801},
         "gracePeriodSeconds"),
        ("/app/tenant/endpoint/e/secret/rotate", {"gracePeriodSeconds": -1}, "gracePeriodSeconds"),
        ("/app/tenant/endpoint/e/secret/rotate", {"key": "short"}, "key"),
        ("/app/tenant/msg", {"payload": {}}, "eventType"),
        ("/app/tenant/msg", {"eventType": "a b", "payload": {}}, "eventType"),
        ("/app/tenant/msg", {"eventType": "a"}, "payload"),
        ("/app/tenant/msg", {"eventType": "a", "payload": "text"}, "payload"),
        ("/app/tenant/msg", {"eventType": "a", "payload": {}, "eventId": "msg_1"}, "eventId"),
        ("/app/tenant/msg", {"eventType": "a", "payload": {}, "channels": list("abcdef")},
         "channels"),
        ("/app/tenant/msg", {"eventType": "a", "payload": {}, "payloadRetentionPeriod": 4},
         "payloadRetentionPeriod"),
        ("/app/tenant/msg", {"eventType": "a", "payload": {}, "deliverAt": "2099-01-01"},
         "deliverAt"),
        ("/app/tenant/msg", {"eventType": "a", "payload": {}, "deliverAt": "9999-99-99"},
         "deliverAt"),
        ("/app/tenant/msg", {"eventType": "a", "payload": {}, "application": "a"}, "application"),
    ],
)  # fmt: skip
async def test_a_bad_field_is_named_with_its_rule(client, endpoint_id, path, body, field):
    answer = await client.post(path, json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["detail"]
    assert error["loc"] == ["body", field]
    assert error["msg"]
    assert error["type"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"rawPayload": 5}, "rawPayload"),
        ({"rawPayload": "", "headers": {"content-type": "a\r\nb"}}, "headers"),
        ({"rawPayload": "", "headers": {"content-type": 5}}, "headers"),
        ({"rawPayload": "", "headers": 5}, "headers"),
    ],
)
async def test_a_bad_field_is_named_wherever_it_stands(client, app_id, params, field):
    body = {"eventType": "a", "payload": {}, "transformationsParams": params}
    answer = await client.post(f"/app/{app_id}/msg", json=body)
    (error,) = answer.json()["detail"]
    assert error["loc"] == ["body", "transformationsParams", field]


async def test_every_bad_field_is_named_at_once(client):
    answer = await client.post("/app", json={"uid": "a b", "metadata": 5})
    assert [each["loc"][1] for each in answer.json()["detail"]] == ["name", "uid", "metadata"]


@pytest.mark.parametrize(
    ("list_of", "query"),
    [
        ("msg", "limit=0"), ("msg", "limit=251"), ("msg", "limit=x"), ("msg", "limit="),
        ("msg", "before=soon"), ("msg", "channel=a%20b"), ("msg", "with_content=maybe"),
        ("msg", "iterator=%00"), ("msg", "iterator=a/b"), ("msg", "event_types=a%20b"),
        ("msg", "event_types=%ff"), ("endpoint", "order=up"), ("attempt/endpoint/e", "status=9"),
        ("attempt/endpoint/e", "after=9999-99-99"), ("attempt/endpoint/e", "status_code_class=201"),
        ("delivery", "state=lost"), ("delivery", "status_code=600"), ("delivery", "msg_id=%F0"),
    ],
)  # fmt: skip
async def test_a_bad_query_is_named(client, endpoint_id, list_of, query):
    answer = await client.get(f"/app/tenant/{list_of}?{query}")
    assert answer.status_code == 422
    (error,) = answer.json()["detail"]
    assert error["loc"] == ["query", query.split("=")[0]]
    assert error["msg"]


@pytest.mark.parametrize(
    ("list_of", "cursor"),
    [("", "ep_1"), ("/tenant/endpoint", "app_1"), ("/tenant/msg", "atmpt_1"),
     ("/tenant/attempt/endpoint/e", "msg_1"), ("/tenant/delivery", "garbage"),
     ("/tenant/endpoint/e/held", "..."), ("/tenant/endpoint/e/msg", "ep_1")],
)  # fmt: skip
@pytest.mark.parametrize("mark", ["", "-", "~"])
async def test_a_cursor_of_another_list_is_refused(client, endpoint_id, list_of, cursor, mark):
    answer = await client.get(f"/app{list_of}?iterator={mark}{cursor}")
    assert answer.status_code == 422
    (error,) = answer.json()["detail"]
    assert (error["loc"], "of this list" in error["msg"]) == (["query", "iterator"], True)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b"\xff", b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e999}',
     b'{"a": "\\ud800"}', b'{"\\udfff": 1}', b'{"a":' * 5000, b'{"a": ' + b"9" * 5000 + b"}",
     b'{"a":' * 150 + b"1" + b"}" * 150, b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
     '{"name": "a"}'.encode("utf-16"), b"\xef\xbb\xbf{}", b"\x00"],
)  # fmt: skip
async def test_malformed_json_is_a_400(client, body):
    answer = await client.post("/app", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b" \n", "the body is empty; send a JSON object"),
        (b"[]", "not a JSON object: see line 1, column 1"),
        (b'{"a": 1,\n "b" 2}', "not a JSON object: see line 2, column 6"),
        (b'{"a": 1,}', "not a JSON object: see line 1, column 9"),
        (b'{"a": tru}', "not a JSON object: see line 1, column 7"),
        (b'{"a": 1} more', "not a JSON object: see line 1, column 10"),
        (b'{"a": "\xe9"}', "not UTF-8: see byte 8"),
        (b'{"a": "\\ud800"}', "half of a character"),
        (b'{"a": NaN}', "NaN and Infinity are not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number in the body is too large"),
        (b'{"a":' * 5000, "nested deeper than 100"),
    ],
)
async def test_malformed_json_is_told_where_and_why(client, body, words):
    answer = await client.post("/app", content=body)
    assert words in answer.json()["detail"]


async def test_strange_json_is_taken_as_it_is(client, app_id):
    wide = [[] for _ in range(300)]
    body = json.dumps({"name": "a", "unknown": wide})
    assert (await client.post("/app", content=body)).status_code == 201
    twice = await client.post("/app", content=b'{"name": "a", "name": "b"}')
    assert twice.json()["name"] == "b"
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await client.post("/app", content=b'{"name":"a"}', headers=form)).status_code == 201
    payload = {"deep": json.loads("[" * 90 + "]" * 90), "big": 10**300, "emoji": "😀"}
    made = await client.post(f"/app/{app_id}/msg", json={"eventType": "a", "payload": payload})
    assert made.status_code == 202
    assert (await client.get(f"/app/{app_id}/msg/{made.json()['id']}")).json()["payload"] == payload


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_a_413_before_it_is_parsed(client, chunked):
    async def chunks():
        for _ in range(3):
            yield b"[" * (MAX_BODY_BYTES // 2)

    content = chunks() if chunked else b"[" * (MAX_BODY_BYTES + 1)
    answer = await client.post("/app", content=content)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


async def test_the_limit_is_a_setting(connect, make_services):
    async with connect(make_services(max_body=20)) as client:
        assert (await client.post("/app", json={"name": "a"})).status_code == 201
        assert (await client.post("/app", json={"name": "a" * 20})).status_code == 413


async def test_every_refusal_is_json(client, app_id):
    for answer, status, code in (
        (await client.get("/nowhere"), 404, "not_found"),
        (await client.get("/"), 404, "not_found"),
        (await client.get("/app/tenant/attempt"), 404, "not_found"),
        (await client.put("/app", json={}), 405, "method_not_allowed"),
        (await client.request("FOO", "/app"), 405, "method_not_allowed"),
        (await client.get("/app/unknown"), 404, "not_found"),
        (await client.get("/app/%00"), 404, "not_found"),
        (await client.get("/app/%ff%fe"), 404, "not_found"),
        (await client.get("/app/a%2fb"), 404, "not_found"),
        (await client.get(f"/app/{'a' * 300}"), 404, "not_found"),
        (await client.get(f"/app/{app_id}/msg/unknown"), 404, "not_found"),
        (await client.get("http://sender/"), 404, "not_found"),
        (await client.get("http://sender/api/v1x/app"), 404, "not_found"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["detail"]
        assert answer.headers["content-type"] == "application/json"
    assert (await client.put("/app", json={})).headers["allow"] == "GET, HEAD, POST"


async def test_health_needs_no_token(client, store, monkeypatch):
    ping = await client.get("/health/ping/", headers={"authorization": ""})
    assert (ping.status_code, ping.content) == (204, b"")
    head = await client.head("/health")
    assert (head.status_code, head.content) == (200, b"")
    assert (await client.head("/health/ping")).status_code == 204
    assert (await client.get("/health")).json() == {"database": {"status": "ok"}}

    async def fail():
        raise StoreUnavailable("down")

    monkeypatch.setattr(store, "ping", fail)
    assert (await client.get("/health")).status_code == 500


async def test_the_api_describes_itself(client):
    document = await client.get("/openapi.json", headers={"authorization": ""})
    assert document.headers["content-type"] == "application/json"
    described = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in document.json()["paths"].items()
        for method in methods
        if method != "parameters"
    }
    assert described == {(each.method, each.path) for each in OPERATIONS}
    page = await client.get("/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_browsers_of_other_origins_may_call(client):
    origin = {"origin": "https://console.example"}
    answer = await client.get("/health", headers=origin)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    preflight = await client.options(
        "/app",
        headers={
            **origin,
            "access-control-request-method": "PATCH",
            "access-control-request-headers": "authorization,idempotency-key",
        },
    )
    assert preflight.status_code == 200
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert (await client.options("/app")).json()["code"] == "method_not_allowed"


async def test_routes_may_stand_beside_the_api(services):
    async def page(_request):
        return PlainTextResponse("page")

    app = create_app(services, routes=[Route("/page", page)])
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://s") as client:
        assert (await client.get("/page")).text == "page"
        refused = await client.post("/page")
        assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")


async def test_a_database_that_fails_is_a_503_and_a_bug_a_500_without_its_words(
    client, app_id, store, monkeypatch, caplog
):
    async def fail(*_args, **_options):
        raise errors.pop()

    errors = [StoreUnavailable("the database failed"), ValueError("internal words")]
    monkeypatch.setattr(store, "applications", fail)
    answer = await client.get("/app")
    assert answer.status_code == 500
    assert "internal" not in answer.text
    assert "internal" not in caplog.text
    assert "ValueError" in caplog.text
    answer = await client.get("/app")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")


class Counting:
    def __init__(self):
        self.told = []

    def published(self, messages):
        self.told.append(messages)

    def failed(self, work):
        self.told.append(work)


async def test_an_observer_is_told_of_publishes(connect, make_services, store, monkeypatch):
    observer = Counting()
    body = {"eventType": "a", "payload": {}, "application": {"name": "a"}}
    async with connect(make_services(observer=observer)) as client:
        for _ in range(2):
            await client.post("/app/a/msg", json=body, headers={"idempotency-key": "k"})
        assert observer.told == [1]

        async def fail(*_args, **_options):
            raise StoreUnavailable("down")

        monkeypatch.setattr(store, "publish", fail)
        assert (await client.post("/app/a/msg", json=body)).status_code == 503
        assert observer.told == [1, "publish"]


# Idempotency keys.


async def test_a_key_answers_the_same_again(client, app_id, store):
    key = {"idempotency-key": "k1"}
    first = await client.post("/app", json={"name": "a"}, headers=key)
    again = await client.post("/app/", json={"name": "a"}, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    other = await client.post("/app", json={"name": "b"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    elsewhere = await client.post(f"/app/{app_id}/endpoint", json=URL, headers=key)
    assert elsewhere.status_code == 201
    await client.put(f"/app/{app_id}/endpoint/e", json=URL)


async def test_a_key_rotates_once_and_no_secret_is_kept(client, endpoint_id, store, monkeypatch):
    kept, finish = [], store.finish_keyed

    async def keep(keyed, reply):
        kept.append(reply)
        await finish(keyed, reply)

    monkeypatch.setattr(store, "finish_keyed", keep)
    path, key = "/app/tenant/endpoint/e/secret/rotate", {"idempotency-key": "k1"}
    first = await client.post(path, headers=key)
    again = await client.post(path, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert [each.body for each in kept] == [""]


@pytest.mark.parametrize(("name", "status"), [("a", 201), (" ", 422)])
async def test_an_answer_that_cannot_be_kept_is_answered_and_happens_once(
    client, store, monkeypatch, caplog, name, status
):
    async def fail(*_args):
        raise StoreUnavailable("the database failed: gone")

    monkeypatch.setattr(store, "finish_keyed", fail)
    key = {"idempotency-key": "k1"}
    first = await client.post("/app", json={"name": name}, headers=key)
    again = await client.post("/app", json={"name": name}, headers=key)
    assert (first.status_code, again.status_code) == (status, 423)
    assert "is not remembered: the database failed: gone" in caplog.text
    made = [each["name"] for each in (await client.get("/app")).json()["data"]]
    assert made == ["a"][: status == 201]


async def test_a_key_is_renewed_while_its_request_is_under_way(store, monkeypatch):
    key, renewed, renew = Keyed(key="k" * 64, body="b" * 64), asyncio.Queue(), store.renew_keyed
    failures = [StoreUnavailable("gone")]

    async def watch(keyed):
        if failures:
            raise failures.pop()
        await renew(keyed)
        renewed.put_nowait(keyed)

    monkeypatch.setattr(store, "renew_keyed", watch)
    assert await store.begin_keyed(key) is None
    async with under_way(store, key, renew_every=0.001) as kept:
        assert [await renewed.get(), await renewed.get()] == [key, key]
        kept.reply = StoredReply(status=200, body="")
    assert await store.begin_keyed(key) == kept.reply


async def test_a_key_publishes_once(client, app_id):
    body, key = {"eventType": "a", "payload": {}}, {"idempotency-key": "k1"}
    path = f"/app/{app_id}/msg"
    first = await client.post(path, json=body, headers=key)
    again = await client.post(path, json=body, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert len((await client.get(path)).json()["data"]) == 1
    other = await client.post(path, json={**body, "eventType": "b"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


async def test_a_key_whose_request_failed_can_be_tried_again(client):
    key = {"idempotency-key": "k1"}
    assert (await client.post("/app", json={}, headers=key)).status_code == 422
    assert (await client.post("/app", json={"name": "a"}, headers=key)).status_code == 201


async def test_a_key_is_the_tokens_own(client, token_of):
    key = {"idempotency-key": "k1"}
    first = await client.post("/app", json={"name": "a"}, headers=key)
    other = {**key, "authorization": f"Bearer {token_of()}"}
    second = await client.post("/app", json={"name": "a"}, headers=other)
    assert second.json()["id"] != first.json()["id"]


async def test_a_key_under_way_is_to_be_tried_again(client, store, monkeypatch):
    begun, go_on = asyncio.Event(), asyncio.Event()
    create = store.create_application

    async def slow(*args):
        begun.set()
        await go_on.wait()
        return await create(*args)

    monkeypatch.setattr(store, "create_application", slow)
    key = {"idempotency-key": "k1"}
    first = asyncio.create_task(client.post("/app", json={"name": "a"}, headers=key))
    await begun.wait()
    second = await client.post("/app", json={"name": "a"}, headers=key)
    assert (second.status_code, second.json()["code"]) == (423, "request_under_way")
    go_on.set()
    assert (await first).status_code == 201


async def test_only_a_post_obeys_a_key(client, app_id):
    key, path = {"idempotency-key": "k1"}, f"/app/{app_id}"
    for method, name in (("PUT", "a"), ("PATCH", "b"), ("PUT", "a")):
        answer = await client.request(method, path, json={"name": name}, headers=key)
        assert answer.json()["name"] == name
    access = f"/auth/app-portal-access/{app_id}"
    first, second = [await client.post(access, headers=key) for _ in range(2)]
    assert first.json()["token"] != second.json()["token"]


async def test_a_key_has_a_length(client):
    assert (
        await client.post("/app", json={"name": "a"}, headers={"idempotency-key": ""})
    ).is_success
    refused = await client.post("/app", json={"name": "a"}, headers={"idempotency-key": "k" * 257})
    assert refused.json()["detail"][0]["loc"] == ["header", "idempotency-key"]


# Rates.


async def test_a_token_that_calls_too_often_is_told_when_to_come_back(
    connect, make_services, token_of
):
    async with connect(make_services(rate_limit="2/minute")) as client:
        for _ in range(2):
            assert (await client.get("/app")).status_code == 200
        refused = await client.get("/app/none")
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["x-ratelimit-limit"] == "2"
        assert refused.headers["x-ratelimit-remaining"] == "0"
        assert int(refused.headers["x-ratelimit-reset"]) > 0
        other = {"authorization": f"Bearer {token_of()}"}
        assert (await client.get("/app", headers=other)).status_code == 200
        assert (await client.get("/health")).status_code == 200


async def test_whoever_guesses_tokens_is_counted_by_address(connect, make_services):
    async with connect(make_services(rate_limit="2/minute")) as client:
        statuses = [
            (await client.get("/app", headers={"authorization": f"Bearer {number}"})).status_code
            for number in range(3)
        ]
        assert statuses == [401, 401, 429]


@pytest.mark.parametrize(
    ("host", "key"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::1", "::/64"),
     (None, "unknown"), ("testclient", "unknown")],
)  # fmt: skip
def test_addresses_are_counted_by_network(host, key):
    assert address_key(host) == key


def test_a_rate_that_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="often"):
        RateLimit("often", lambda: 0.0)


def refusal(limit, key):
    with pytest.raises(RateLimited) as refused:
        limit.hit(key)
    return str(refused.value), dict(refused.value.headers)


@pytest.mark.parametrize("rate", ["2/minute;3/hour", "3/hour;2/minute;2/minute"])
def test_of_several_rates_each_is_kept(rate, monkeypatch):
    now = 1_800_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    limit = RateLimit(rate, time.time)
    for _ in range(2):
        limit.hit("a")
    words, headers = refusal(limit, "a")
    assert (words, headers["retry-after"]) == (
        "more than 2 per 1 minute; wait as Retry-After says",
        "60",
    )
    now += 61  # what the shorter refused did not use up the longer
    limit.hit("a")
    for _ in range(2):  # the longer, whatever the shorter says
        words, headers = refusal(limit, "a")
        assert (headers["retry-after"], headers["x-ratelimit-limit"]) == ("3539", "3")
    now += 10
    assert refusal(limit, "a")[1]["retry-after"] == "3529"
    limit.hit("b")


def test_no_file_and_no_variable_changes_how_is_counted(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("RATELIMIT_STRATEGY=nonsense\nRATELIMIT_STORAGE_OPTIONS=x\n")
    monkeypatch.chdir(tmp_path)
    RateLimit("1/minute", time.time).hit("a")
    monkeypatch.setenv("RATELIMIT_STRATEGY", "nonsense")
    RateLimit("1/minute", time.time).hit("a")


# Requests that break off, or drag on.


def scope_of(token):
    return {
        "type": "http", "method": "POST", "path": "/app", "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }  # fmt: skip


async def answer_to(app, scope, receive):
    sent = []

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    closes = (b"connection", b"close") in sent[0]["headers"]
    return sent[0]["status"], json.loads(sent[1]["body"])["code"], closes


async def test_a_client_that_goes_away_is_no_error(services, token_of):
    async def receive():
        return parts.pop(0)

    parts = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    app = Dispatcher(services, OPERATIONS)
    answer = await answer_to(app, scope_of(token_of()), receive)
    assert answer == (400, "client_disconnected", False)


async def test_a_body_that_drags_on_is_a_408(services, token_of):
    async def receive():
        await asyncio.Event().wait()

    app = Dispatcher(services, OPERATIONS, body_deadline=0)
    assert await answer_to(app, scope_of(token_of()), receive) == (408, "request_timeout", True)
