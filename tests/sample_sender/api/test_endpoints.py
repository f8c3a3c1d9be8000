"""Endpoints: their settings, secrets and headers."""

import pytest
from sqlalchemy import text

from hookseal import Signer, Verifier
from tests.sample_sender.api.conftest import URL

pytestmark = pytest.mark.anyio
SHARED = "whsec_" + "QUFB" * 8


@pytest.fixture
def base(app_id):
    return f"/app/{app_id}/endpoint"


async def test_what_becomes_of_an_endpoint_is_told(make_services, connect):
    told = []

    async def follow(before, after):
        told.append([each and (each.url, each.secrets[0].key) for each in (before, after)])

    async with connect(make_services(follow=follow)) as client:
        await client.post("/app", json={"name": "a", "uid": "a"})
        path = "/app/a/endpoint/e"
        await client.put(path, json=URL)
        first = (await client.get(f"{path}/secret")).json()["key"]
        await client.patch(path, json={"url": "https://example.com/two"})
        await client.put(path, json={"url": "https://example.com/three"})
        second = (await client.post(f"{path}/secret/rotate", json={})).json()["key"]
        await client.put(path, json={"url": "no URL"})
        await client.delete(path)
    one, two, three = URL["url"], "https://example.com/two", "https://example.com/three"
    assert told == [
        [None, (one, first)],
        [(one, first), (two, first)],
        [(two, first), (three, first)],
        [(three, first), (three, second)],
        [(three, second), None],
    ]


async def test_an_endpoint_is_made_and_read(client, base):
    settings = {
        **URL,
        "uid": "e",
        "name": "Orders",
        "description": "d",
        "eventTypes": ["user.*"],
        "channels": ["eu", "us"],
        "throttleRate": 7,
        "retrySchedule": [1, 2.5, 60],
        "timeout": 5,
        "disabled": True,
        "metadata": {"k": "v"},
    }
    made = await client.post(base, json=settings)
    assert made.status_code == 201
    body = made.json()
    assert body.items() >= settings.items()
    assert body["filterTypes"] == ["user.*"]
    assert "secret" not in body
    assert "headers" not in body
    assert (await client.get(f"{base}/e")).json() == body
    assert (await client.get(base)).json()["data"] == [body]
    assert (await client.delete(f"{base}/e")).status_code == 204
    assert (await client.get(f"{base}/e")).json()["code"] == "not_found"


async def test_put_replaces_or_makes(client, base):
    made = await client.put(f"{base}/e", json={**URL, "eventTypes": ["a"]})
    assert (made.status_code, made.json()["uid"], made.json()["name"]) == (201, "e", "example.com")
    put = await client.put(f"{base}/e", json={"url": "https://example.org/", "description": "d"})
    assert (put.status_code, put.json()["name"], put.json()["uid"]) == (200, "d", "e")
    assert put.json()["eventTypes"] is None
    assert (await client.put(f"{base}/ep_new", json=URL)).status_code == 404


async def test_put_replaces_what_somebody_else_makes_meanwhile(
    client, base, endpoint_id, blind_once
):
    blind_once("endpoint")
    put = await client.put(f"{base}/e", json={**URL, "description": "b"})
    assert (put.status_code, put.json()["id"], put.json()["description"]) == (200, endpoint_id, "b")
    other = await client.put(f"{base}/other", json={**URL, "uid": "e"})
    assert (other.status_code, other.json()["detail"][0]["loc"]) == (422, ["body", "uid"])


async def test_patch_changes_only_what_it_names(client, base):
    settings = {**URL, "name": "Orders", "retrySchedule": [5], "channels": ["x"], "uid": "e"}
    before = (await client.post(base, json=settings)).json()
    patched = (await client.patch(f"{base}/e", json={"disabled": True})).json()
    assert patched.items() >= {**settings, "disabled": True}.items()
    assert patched["disabledReason"] == "by_caller"
    both = {"eventTypes": None, "filterTypes": ["c"], "throttleRate": None, "rateLimit": 4}
    old = (await client.patch(f"{base}/e", json=both)).json()
    assert (old["eventTypes"], old["throttleRate"]) == (["c"], 4)
    old = await client.patch(f"{base}/e", json={"filterTypes": ["a", "b"], "rateLimit": 3})
    assert (old.json()["eventTypes"], old.json()["throttleRate"]) == (["a", "b"], 3)
    cleared = dict.fromkeys(("eventTypes", "throttleRate", "retrySchedule", "channels", "uid"))
    got = (await client.patch(f"{base}/{before['id']}", json=cleared)).json()
    assert got.items() >= cleared.items()


async def test_two_endpoints_have_no_uid_in_common(client, base, endpoint_id):
    assert (await client.post(base, json={**URL, "uid": "e"})).status_code == 409
    await client.post(base, json={**URL, "uid": "other"})
    assert (await client.patch(f"{base}/other", json={"uid": "e"})).status_code == 409


async def test_only_https_where_that_is_asked_for(connect, make_services):
    async with connect(make_services()) as client:
        await client.post("/app", json={"name": "a", "uid": "a"})
        await client.post("/app/a/endpoint", json={"url": "http://example.com/", "uid": "old"})
    async with connect(make_services(https_only=True)) as client:
        refused = await client.post("/app/a/endpoint", json={"url": "http://example.com/"})
        assert refused.json()["detail"][0]["loc"] == ["body", "url"]
        # What was made before can still be changed, its URL excepted.
        kept = await client.patch("/app/a/endpoint/old", json={"disabled": True})
        assert kept.status_code == 200
        moved = await client.patch("/app/a/endpoint/old", json={"url": "http://example.org/"})
        assert moved.status_code == 422


@pytest.mark.parametrize("secret", [SHARED, SHARED.removeprefix("whsec_")])
async def test_a_given_secret_is_used_with_or_without_its_prefix(client, base, secret):
    await client.post(base, json={**URL, "secret": secret, "uid": "e"})
    assert (await client.get(f"{base}/e/secret")).json() == {"key": SHARED}


async def test_a_secret_is_made_of_the_kind_asked_for(client, base):
    await client.post(base, json={**URL, "uid": "plain"})
    plain = (await client.get(f"{base}/plain/secret")).json()
    assert plain["key"].startswith("whsec_")
    await client.post(base, json={**URL, "uid": "pair", "signing": "v1a"})
    pair = (await client.get(f"{base}/pair/secret")).json()
    headers = Signer(pair["key"]).headers("msg_1", 1_800_000_000, b"{}")
    Verifier(pair["publicKey"]).verify(headers, b"{}", now=1_800_000_000)


async def test_a_secret_is_rotated_within_its_kind(client, base, endpoint_id, store, app_id):
    before = (await client.get(f"{base}/e/secret")).json()["key"]
    rotated = await client.post(f"{base}/e/secret/rotate", json={"key": SHARED})
    assert (rotated.status_code, rotated.json()) == (200, {"key": SHARED})
    assert (await client.get(f"{base}/e/secret")).json() == {"key": SHARED}
    keys = (await store.endpoint(app_id, endpoint_id)).secrets
    assert [each.key for each in keys] == [SHARED, before]
    assert keys[1].expires_ms == 1_800_000_000_000 + 86_400_000
    assert (await client.post(f"{base}/e/secret/rotate")).status_code == 200
    assert (await client.get(f"{base}/e/secret")).json()["key"] not in {SHARED, before}
    pair = "whsk_" + "A" * 43 + "="
    other = await client.post(f"{base}/e/secret/rotate", json={"key": pair})
    assert other.json()["detail"][0]["loc"] == ["body", "key"]


async def test_old_secrets_are_limited(client, base, endpoint_id):
    for _ in range(10):
        assert (await client.post(f"{base}/e/secret/rotate")).status_code == 200
    full = await client.post(f"{base}/e/secret/rotate")
    assert (full.status_code, full.json()["code"]) == (400, "limit_reached")


async def test_an_endpoint_whose_key_was_lost_is_made_whole_again(client, base, store):
    for uid in ("lost", "well"):
        body = {**URL, "uid": uid, "signing": "v1a", "headers": {"X-Env": "prod"}}
        await client.post(base, json=body)

    def lose(connection, _now_ms):
        lost = text("UPDATE endpoint SET secrets = 'v1.x', headers = 'v1.x' WHERE uid = 'lost'")
        connection.execute(lost)

    await store.database.write(lose)
    listed = (await client.get(base)).json()["data"]
    assert {each["uid"] for each in listed} == {"lost", "well"}
    here = f"{base}/lost"
    assert (await client.patch(here, json={"description": "d"})).json()["description"] == "d"
    asked = [
        await client.get(f"{here}/secret"),
        await client.get(f"{here}/headers"),
        await client.patch(f"{here}/headers", json={"headers": {"X-B": "b"}}),
    ]
    assert {each.json()["code"] for each in asked} == {"secret_unreadable"}
    secret = (await client.post(f"{here}/secret/rotate", json={})).json()["key"]
    assert secret.startswith("whsec_")
    assert (await client.put(f"{here}/headers", json={"headers": {"X-A": "a"}})).status_code == 204
    assert (await client.get(f"{here}/secret")).json() == {"key": secret}
    assert (await client.get(f"{here}/headers")).json()["headers"] == {"X-A": "a"}


async def test_an_endpoint_whose_key_was_lost_is_deleted(client, base, store):
    await client.post(base, json={**URL, "uid": "lost"})
    await store.database.write(
        lambda connection, _now_ms: connection.execute(text("UPDATE endpoint SET secrets = 'v1.x'"))
    )
    assert (await client.delete(f"{base}/lost")).status_code == 204


async def test_headers_are_set_changed_and_hidden(client, base):
    headers = {"X-Env": "prod", "Authorization": "Bearer abc"}
    await client.post(base, json={**URL, "uid": "e", "headers": headers})
    shown = {"headers": {"X-Env": "prod"}, "sensitive": ["Authorization"]}
    assert (await client.get(f"{base}/e/headers")).json() == shown
    patch = {"headers": {"x-env": "test", "authorization": None, "X-Api-Key": "k"}}
    assert (await client.patch(f"{base}/e/headers", json=patch)).status_code == 204
    shown = {"headers": {"x-env": "test"}, "sensitive": ["X-Api-Key"]}
    assert (await client.get(f"{base}/e/headers")).json() == shown
    assert (await client.patch(f"{base}/e/headers", json={"deleteHeaders": []})).status_code == 204
    gone = await client.patch(f"{base}/e/headers", json={"deleteHeaders": ["X-API-KEY"]})
    assert gone.status_code == 204
    assert (await client.get(f"{base}/e/headers")).json()["sensitive"] == []
    assert (await client.put(f"{base}/e/headers", json={"headers": {}})).status_code == 204
    assert (await client.get(f"{base}/e/headers")).json() == {"headers": {}, "sensitive": []}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "a"}, {"content-LENGTH": "1"}, {"Webhook-Signature": "a"}, {"svix-id": "a"},
        {"X-Forwarded-For": "127.0.0.1"}, {"x-amz-date": "a"}, {"Metadata-Flavor": "Google"},
        {"Transfer-Encoding": "chunked"}, {"a b": "c"}, {"": "c"}, {"a:": "c"}, {"a": "b\r\nc: d"},
        {"a": " b"}, {"a": "é"}, {"a": "b" * 4097}, {"a": 5}, {"a": "1", "A": "2"},
        {f"h{number}": "v" for number in range(51)}, [], "text",
    ],
)  # fmt: skip
async def test_bad_headers_are_refused_wherever_they_are_given(client, base, endpoint_id, headers):
    for answer in (
        await client.post(base, json={**URL, "headers": headers}),
        await client.put(f"{base}/e/headers", json={"headers": headers}),
        await client.patch(f"{base}/e/headers", json={"headers": headers}),
    ):
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", "headers"]
    assert (await client.put(f"{base}/e/headers", json={})).status_code == 422
    assert (await client.get(f"{base}/e/headers")).json()["headers"] == {}


async def test_deliveries_are_counted(client, base, endpoint_id, send, work, clock):
    await send()
    await work(200)
    await send()
    await work(500)
    await send()
    await work(500, retry_in=60)
    clock.advance(1)
    counts = {"success": 1, "fail": 1, "pending": 1, "sending": 0, "canceled": 0, "held": 0}
    assert (await client.get(f"{base}/e/stats")).json() == counts
    none = await client.get(f"{base}/e/stats", params={"until": "2020-01-01T00:00:00Z"})
    assert set(none.json().values()) == {0}
    since = await client.get(f"{base}/e/stats", params={"since": "2020-01-01"})
    assert since.json() == counts
    window = {"since": "2026-01-01T00:00:00Z", "until": "2025-01-01T00:00:00Z"}
    refused = await client.get(f"{base}/e/stats", params=window)
    assert refused.json()["detail"][0]["loc"] == ["query", "until"]
