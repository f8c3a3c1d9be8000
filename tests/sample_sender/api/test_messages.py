"""Publishing and reading messages."""

import json

import pytest

from tests.sample_sender.api.conftest import URL

pytestmark = pytest.mark.anyio


@pytest.fixture
def base(app_id):
    return f"/app/{app_id}/msg"


async def test_a_message_is_published_and_read(client, base):
    body = {
        "eventType": "user.created",
        "payload": {"n": 1.5, "é": "😀", "z": "\x00"},
        "eventId": "mine",
        "channels": ["eu"],
    }
    made = await client.post(base, json=body)
    assert made.status_code == 202
    assert made.json().items() >= body.items()
    assert made.json()["id"].startswith("msg_")
    assert (await client.get(f"{base}/mine")).json() == made.json()
    lean = await client.get(f"{base}/mine", params={"with_content": "false"})
    assert lean.json() == {**made.json(), "payload": {}}
    assert (await client.post(base, json=body)).status_code == 409
    quiet = await client.post(
        base, params={"with_content": "false"}, json={"eventType": "b", "payload": {"a": 1}}
    )
    assert quiet.json()["payload"] == {}
    assert len((await client.get(base)).json()["data"]) == 2


async def test_messages_are_filtered(client, base, send, clock):
    first = await send("a", channels=["eu"])
    clock.advance(10)
    second = await send("b")
    for query, found in (
        ("", [second, first]),
        ("event_types=b,c", [second]),
        ("event_types=b&event_types=a", [second, first]),
        ("channel=eu", [first]),
        ("after=2020-01-01&before=2099-01-01T00:00:00Z", [second, first]),
        ("before=2020-01-01T00:00:00%2B02:00", []),
        ("limit=1", [second]),
    ):
        got = (await client.get(f"{base}?{query}")).json()["data"]
        assert [each["id"] for each in got] == found, query


async def test_the_body_delivered_is_the_payload_as_published(client, base, endpoint_id, store):
    exact = b'{ "b": 1.10, "a":"\\u00e9", "c": [1e2,\n -0.0], "a": "' + "é".encode() + b'"}'
    made = await client.post(base, content=b'{"payload": ' + exact + b' , "eventType": "x"}')
    assert exact in made.content
    claimed = await store.claim(limit=1, per_endpoint=1, lease=30)
    assert claimed.tasks[0].payload == exact


async def test_a_raw_payload_is_delivered_as_it_is(client, base, endpoint_id, store):
    body = {
        "eventType": "x",
        "payload": {},
        "transformationsParams": {
            "rawPayload": "<a/>",
            "headers": {"x-other": "a", "Content-Type": "application/xml"},
            "other": 1,
        },
    }  # fmt: skip
    made = (await client.post(base, json=body)).json()
    assert (made["payload"], made["rawPayload"], made["contentType"]) == (
        {},
        "<a/>",
        "application/xml",
    )
    assert (await client.get(f"{base}/{made['id']}")).json() == made
    lean = await client.get(f"{base}/{made['id']}?with_content=false")
    assert "rawPayload" not in lean.json()
    claimed = await store.claim(limit=1, per_endpoint=1, lease=30)
    assert (claimed.tasks[0].payload, claimed.tasks[0].content_type) == (b"<a/>", "application/xml")
    del body["transformationsParams"]["headers"]
    assert (await client.post(base, json=body)).json()["contentType"] == "application/json"


async def test_a_delivery_may_be_put_off(client, base, endpoint_id, send, work, clock):
    later = "2027-01-16T00:00:00Z"  # the clock stands at 2027-01-15T08:00:00Z
    for hours, status in ((16, 422), (17, 202)):
        body = {"eventType": "a", "payload": {}, "deliverAt": later, "payloadRetentionHours": hours}
        assert (await client.post(base, json=body)).status_code == status
    both = {**body, "payloadRetentionPeriod": 5}
    refused = await client.post(base, json=both)
    assert refused.json()["detail"][0]["loc"] == ["body", "payloadRetentionHours"]
    await send(deliverAt="2020-01-01T00:00:00Z")
    assert await work() == 1
    clock.advance(86400)
    assert await work() == 1


async def test_an_application_may_be_made_by_the_first_message(client):
    body = {"eventType": "a", "payload": {}, "application": {"name": "New", "uid": "new"}}
    assert (await client.post("/app/new/msg", json=body)).status_code == 202
    assert (await client.post("/app/new/msg", json=body)).status_code == 202
    assert (await client.get("/app/new")).json()["name"] == "New"
    body["application"] = {"name": "Newer"}
    assert (await client.post("/app/newer/msg", json=body)).status_code == 202
    assert (await client.post("/app/app_unknown/msg", json=body)).status_code == 404
    body["application"]["uid"] = "different"
    refused = await client.post("/app/newest/msg", json=body)
    assert refused.json()["detail"][0]["loc"] == ["body", "application", "uid"]
    body["application"] = {"uid": "newest"}
    refused = await client.post("/app/newest/msg", json=body)
    assert refused.json()["detail"][0]["loc"] == ["body", "application", "name"]
    assert (await client.post("/app/none/msg", json={**body, "application": 5})).status_code == 422
    assert (await client.get("/app/newest")).status_code == 404


async def test_an_enforced_schema_refuses_what_breaks_it(client, base):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    event_type = {"name": "x", "description": "", "schemas": {"1": schema}, "enforced": True}
    assert (await client.post("/event-type", json=event_type)).status_code == 201
    good = await client.post(base, json={"eventType": "x", "payload": {"a": 1}})
    assert good.status_code == 202
    bad = await client.post(base, json={"eventType": "x", "payload": {"a": "secret text"}})
    assert bad.status_code == 422
    (error,) = bad.json()["detail"]
    assert error["loc"] == ["body", "payload"]
    assert "type" in error["msg"]
    assert "secret text" not in bad.text


async def test_a_payload_is_removed(client, base, send, endpoint_id, work):
    msg_id = await send()
    assert (await client.delete(f"{base}/{msg_id}/content")).status_code == 204
    assert (await client.get(f"{base}/{msg_id}")).json()["payload"] == {"expired": True}
    assert await work() == 0
    assert (await client.delete(f"{base}/unknown/content")).status_code == 404


async def test_an_example_goes_to_one_endpoint(client, app_id, endpoint_id, store):
    base = f"/app/{app_id}/endpoint"
    await client.post(base, json={**URL, "uid": "other"})
    ping = await client.post(f"{base}/e/send-example", json={"eventType": "svix.ping"})
    assert (ping.status_code, ping.json()["payload"]) == (200, {"success": True})
    (task,) = (await store.claim(limit=9, per_endpoint=9, lease=30)).tasks
    assert (task.lease.endpoint_id, json.loads(task.payload)) == (endpoint_id, {"success": True})


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        ({"examples": [{"a": 5}]}, {"a": 5}),
        ({"example": {"a": 5}}, {"a": 5}),
        ({"examples": ["not an object"]}, {}),
        (
            {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "whole": {"type": "integer", "minimum": 10},
                    "flag": {"type": ["boolean", "null"]},
                    "list": {"type": "array", "items": {"enum": ["x", "y"]}},
                    "empty": {"type": "array"},
                    "const": {"const": 3},
                    "any": True,
                    "nothing": {},
                },
            },
            {"text": "text", "whole": 10, "flag": True, "list": ["x"], "empty": [], "const": 3,
             "any": None, "nothing": None},
        ),
    ],
)  # fmt: skip
async def test_an_example_is_made_of_the_newest_schema(
    client, app_id, endpoint_id, schema, payload
):
    schemas = {"v9": {"examples": [{"old": True}]}, "v10": schema}
    await client.post("/event-type", json={"name": "x", "description": "", "schemas": schemas})
    path = f"/app/{app_id}/endpoint/e/send-example"
    assert (await client.post(path, json={"eventType": "x"})).json()["payload"] == payload


async def test_an_example_needs_a_schema(client, app_id, endpoint_id):
    path = f"/app/{app_id}/endpoint/e/send-example"
    assert (await client.post(path, json={"eventType": "x"})).status_code == 404
    await client.post("/event-type", json={"name": "x", "description": ""})
    refused = await client.post(path, json={"eventType": "x"})
    assert refused.json()["detail"][0]["loc"] == ["body", "eventType"]
