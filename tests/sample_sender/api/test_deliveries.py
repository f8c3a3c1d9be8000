"""Deliveries and attempts: reading them, and asking for them anew."""

import pytest

from tests.sample_sender.api.conftest import URL

pytestmark = pytest.mark.anyio


@pytest.fixture
def base(app_id):
    return f"/app/{app_id}"


def ids(answer, name="id"):
    return [each[name] for each in answer.json()["data"]]


async def test_attempts_are_listed_by_message_and_by_endpoint(
    client, base, endpoint_id, send, work, clock
):
    first = await send("a", channels=["eu"])
    await work(500, retry_in=5)
    clock.advance(5)
    await work(200)
    await send("b")
    await work(404)
    by_message = await client.get(f"{base}/attempt/msg/{first}")
    newest, oldest = by_message.json()["data"]
    assert newest.items() >= {
        "msgId": first, "endpointId": endpoint_id, "url": URL["url"], "number": 2, "status": 0,
        "statusText": "success", "response": "thanks", "responseStatusCode": 200,
        "responseDurationMs": 7, "triggerType": 0, "nextAttemptAt": None, "eventType": "a",
    }.items()  # fmt: skip
    assert (oldest["status"], oldest["statusText"]) == (2, "fail")
    for query, count in (
        ("", 3), ("status=0", 1), ("status=2", 2), ("status=1", 0), ("status=3", 0),
        ("status_code_class=500", 1), ("status_code_class=0", 0), ("channel=eu", 2),
        ("event_types=b", 1), ("limit=2", 2), ("before=2020-01-01", 0), ("after=2020-01-01", 3),
    ):  # fmt: skip
        got = await client.get(f"{base}/attempt/endpoint/e?{query}")
        assert len(got.json()["data"]) == count, query
    assert len(ids(await client.get(f"{base}/attempt/msg/{first}?endpoint_id=e"))) == 2
    assert (await client.get(f"{base}/attempt/msg/{first}?endpoint_id=other")).status_code == 404
    lean = await client.get(f"{base}/attempt/msg/{first}?with_content=false")
    assert lean.json()["data"][0]["response"] == "{}"


async def test_an_attempt_is_read_and_its_answer_removed(client, base, endpoint_id, send, work):
    msg_id = await send()
    await work(500, retry_in=60)
    (found,) = (await client.get(f"{base}/attempt/msg/{msg_id}")).json()["data"]
    assert found["nextAttemptAt"] == "2027-01-15T08:01:00.000Z"
    path = f"{base}/msg/{msg_id}/attempt/{found['id']}"
    assert (await client.get(path)).json() == found
    assert (await client.delete(f"{path}/content")).status_code == 204
    assert (await client.get(path)).json()["response"] != "thanks"
    assert (await client.get(f"{base}/msg/{msg_id}/attempt/atmpt_none")).status_code == 404


async def test_a_message_tells_where_it_stands_and_where_it_goes(
    client, base, endpoint_id, send, work
):
    msg_id = await send()
    await work(500, retry_in=60)
    (message,) = (await client.get(f"{base}/endpoint/e/msg")).json()["data"]
    standing = {"status": 1, "statusText": "pending", "state": "waiting"}
    standing["nextAttempt"] = "2027-01-15T08:01:00.000Z"
    assert message.items() >= {"id": msg_id, "payload": {"a": 1}, **standing}.items()
    lean = await client.get(f"{base}/endpoint/e/msg?with_content=false&status=1")
    assert lean.json()["data"][0]["payload"] == {}
    assert ids(await client.get(f"{base}/endpoint/e/msg?status=0")) == []
    (endpoint,) = (await client.get(f"{base}/msg/{msg_id}/endpoint")).json()["data"]
    assert endpoint.items() >= {"id": endpoint_id, "url": URL["url"], **standing}.items()
    await client.delete(f"{base}/endpoint/e")
    assert ids(await client.get(f"{base}/msg/{msg_id}/endpoint")) == []


async def test_deliveries_are_listed(client, base, endpoint_id, send, work, clock):
    first = await send("a")
    await work(503, retry_in=60)
    clock.advance(1)
    second = await send("b", channels=["eu"])
    (newest, oldest) = (await client.get(f"{base}/delivery")).json()["data"]
    assert oldest == {
        "msgId": first, "endpointId": endpoint_id, "eventType": "a", "state": "waiting",
        "attempts": 1, "nextAttemptAt": "2027-01-15T08:01:00.000Z", "lastStatusCode": 503,
        "lastAttemptAt": "2027-01-15T08:00:00.000Z", "timestamp": "2027-01-15T08:00:00.000Z",
    }  # fmt: skip
    assert (newest["msgId"], newest["state"], newest["lastStatusCode"]) == (second, "ready", None)
    for query, found in (
        ("state=waiting", [first]), ("state=held", []), ("status_code=503", [first]),
        ("endpoint_id=e", [second, first]), (f"msg_id={first}", [first]), ("channel=eu", [second]),
        ("event_types=b", [second]), ("before=2020-01-01", []), ("limit=1", [second]),
        ("after=2020-01-01", [second, first]),
    ):  # fmt: skip
        assert ids(await client.get(f"{base}/delivery?{query}"), "msgId") == found, query
    page = (await client.get(f"{base}/delivery?limit=1")).json()
    rest = await client.get(f"{base}/delivery?iterator={page['iterator']}")
    assert (page["done"], ids(rest, "msgId")) == (False, [first])
    back = await client.get(f"{base}/delivery?iterator={rest.json()['prevIterator']}")
    assert ids(back, "msgId") == [second]


async def test_a_disabled_endpoint_keeps_its_deliveries(
    client, base, endpoint_id, send, work, clock
):
    await client.patch(f"{base}/endpoint/e", json={"disabled": True})
    old = await send()
    clock.advance(60)
    new = await send()
    assert await work() == 0
    assert ids(await client.get(f"{base}/endpoint/e/held"), "msgId") == [new, old]
    resumed = await client.post(f"{base}/endpoint/e/resume", json={"since": "2027-01-15T08:00:30Z"})
    assert (resumed.status_code, resumed.json()) == (200, {"deliveries": 1})
    assert (await client.get(f"{base}/endpoint/e")).json()["disabled"] is False
    assert ids(await client.get(f"{base}/delivery?state=cancelled"), "msgId") == [old]
    for query, found in {"status=2": [(old, 2, "fail")], "status=4": [(old, 2, "fail")],
        "status=2&expanded_statuses=true": [],
        "status=4&expanded_statuses=true": [(old, 4, "canceled")]}.items():  # fmt: skip
        page = (await client.get(f"{base}/endpoint/e/msg?{query}")).json()["data"]
        assert [(each["id"], each["status"], each["statusText"]) for each in page] == found
    sent = await client.get(f"{base}/msg/{old}/endpoint?expanded_statuses=true")
    assert [each["statusText"] for each in sent.json()["data"]] == ["canceled"]
    assert ids(await client.get(f"{base}/attempt/endpoint/e?status=4")) == []
    assert await work() == 1
    assert (await client.post(f"{base}/endpoint/e/resume")).json() == {"deliveries": 0}


async def test_a_message_is_sent_again(client, base, endpoint_id, send, work):
    msg_id = await send()
    await work(200)
    resent = await client.post(f"{base}/msg/{msg_id}/endpoint/e/resend")
    assert (resent.status_code, resent.json()) == (202, {})
    await work(200)
    attempts = (await client.get(f"{base}/attempt/msg/{msg_id}")).json()["data"]
    assert {each["triggerType"] for each in attempts} == {0, 1}
    assert (await client.post(f"{base}/msg/none/endpoint/e/resend")).status_code == 404


async def test_what_failed_is_recovered(client, base, endpoint_id, send, work):
    failed = await send()
    await work(500)
    await send()
    await work(200)
    since = {"since": "2020-01-01T00:00:00Z"}
    answer = await client.post(f"{base}/endpoint/e/recover", json=since)
    assert answer.status_code == 202
    assert answer.json()["id"].startswith("qtask_")
    assert (answer.json()["status"], answer.json()["task"]) == ("finished", "endpoint.recover")
    assert ids(await client.get(f"{base}/delivery?state=ready"), "msgId") == [failed]


async def test_a_selection_is_replayed(client, base, endpoint_id, send, work):
    path, since = f"{base}/endpoint/e/replay", {"since": "2020-01-01T00:00:00Z"}
    for status in (200, 404, 500):
        await send(f"type.{status}")
        await work(status)
    for where, count in (
        ({"statusCode": 404}, 1), ({"eventTypes": ["type.500", "other"]}, 1),
        ({"state": "succeeded", "until": "2099-01-01T00:00:00Z"}, 1), ({"until": "2020-01-02"}, 0),
    ):  # fmt: skip
        answer = await client.post(path, json={**since, **where})
        assert (answer.status_code, answer.json()) == (200, {"deliveries": count}), where
    assert await work() == 3


async def test_a_delivery_is_cancelled(client, base, endpoint_id, send, work):
    await client.post(f"{base}/endpoint", json={**URL, "uid": "other"})
    msg_id = await send()
    one = await client.post(f"{base}/msg/{msg_id}/endpoint/e/cancel")
    assert one.json() == {"deliveries": 1}
    rest = await client.post(f"{base}/msg/{msg_id}/cancel")
    assert rest.json() == {"deliveries": 1}
    assert await work() == 0


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("recover", {}, "since"), ("recover", {"since": "soon"}, "since"),
        ("recover", {"since": 5}, "since"),
        ("recover", {"since": "2026-01-02", "until": "2026-01-01"}, "until"),
        ("replay", {}, "since"), ("replay", {"since": "2026-01-01", "state": "lost"}, "state"),
        ("replay", {"since": "2026-01-01", "statusCode": 600}, "statusCode"),
        ("replay", {"since": "2026-01-01", "statusCode": True}, "statusCode"),
        ("replay", {"since": "2026-01-01", "eventTypes": ["a b"]}, "eventTypes"),
        ("resume", {"since": "x" * 70}, "since"),
    ],
)  # fmt: skip
async def test_a_bad_selection_is_named(client, base, endpoint_id, path, body, field):
    answer = await client.post(f"{base}/endpoint/e/{path}", json=body)
    assert answer.status_code == 422
    assert [each["loc"] for each in answer.json()["detail"]] == [["body", field]]
