"""The reference endpoint: what it takes, what it remembers, what it refuses to start with."""

from __future__ import annotations

import asyncio
import json

import httpx2
import pytest

from hookseal import ConfigError, generate_secret
from hookseal.testing import WebhookClient
from hookseal_receiver.app import ENDPOINT, create_app

SECRET = generate_secret()


def handled(app) -> list[dict[str, object]]:
    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://receiver") as client:
            return await client.get("/handled")

    data: list[dict[str, object]] = asyncio.run(ask()).json()["data"]
    return data


def test_a_signed_event_is_handled_and_listed_with_its_type():
    app = create_app(SECRET)
    client = WebhookClient(app, SECRET, path=ENDPOINT)

    response = client.send({"type": "invoice.paid"}, event_id="msg_1", timestamp=None)

    assert response.status == 200
    assert response.json() == {"handled": "msg_1"}
    (event,) = handled(app)
    assert (event["id"], event["type"]) == ("msg_1", "invoice.paid")


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"type":"\\ud800"}', "?"),
        (b'{"type":"%s"}' % (b"x" * 201), "x" * 200),
        (b'{"type":{"a":1}}', ""),
        (b'{"type":null}', ""),
        (b"{}", ""),
        (b"[]", ""),
    ],
)
def test_any_type_that_json_can_hold_may_be_listed(body, kept):
    app = create_app(SECRET)
    assert WebhookClient(app, SECRET, path=ENDPOINT).send(body=body).status == 200
    assert [event["type"] for event in handled(app)] == [kept]


def test_a_duplicate_is_answered_but_not_handled_again():
    app = create_app(SECRET)
    client = WebhookClient(app, SECRET, path=ENDPOINT)
    signed = client.sign({"type": "invoice.paid"})

    first, second = client.send_signed(signed), client.send_signed(signed)

    assert (first.status, first.body) == (second.status, second.body)
    assert second.headers["webhook-replayed"] == "true"
    assert len(handled(app)) == 1


def test_an_unsigned_delivery_is_refused():
    app = create_app(SECRET)
    client = WebhookClient(app, generate_secret(), path=ENDPOINT)

    assert client.send({"type": "invoice.paid"}).status == 401
    assert handled(app) == []


def test_fail_first_fails_once_and_takes_the_retry():
    app = create_app(SECRET, fail_first=1)
    client = WebhookClient(app, SECRET, path=ENDPOINT)

    statuses = [client.send({}, event_id="msg_1").status for _ in range(2)]

    assert statuses == [500, 200]
    assert [one["id"] for one in handled(app)] == ["msg_1"]


@pytest.mark.parametrize("body", [b'"text"', b"[1]", b"null"])
def test_a_payload_without_a_type_is_handled_all_the_same(body):
    app = create_app(SECRET)

    assert WebhookClient(app, SECRET, path=ENDPOINT).send(body=body).status == 200
    assert handled(app)[0]["type"] == ""


@pytest.mark.parametrize("body", [b"\xff\xfe", b"not json", b"[" * 100_000, b""])
def test_a_verified_body_that_is_no_json_is_a_422(body):
    app = create_app(SECRET)

    response = WebhookClient(app, SECRET, path=ENDPOINT).send(body=body)

    assert response.status == 422
    assert json.loads(response.body)["code"] == "payload_malformed"
    assert handled(app) == []


def test_health_needs_no_signature():
    async def ask() -> int:
        transport = httpx2.ASGITransport(app=create_app(SECRET))
        async with httpx2.AsyncClient(transport=transport, base_url="http://receiver") as client:
            return (await client.get("/health")).status_code

    assert asyncio.run(ask()) == 204


def test_a_wrong_secret_stops_before_anything_is_served():
    with pytest.raises(ConfigError, match="whsec_"):
        create_app("whsec_c2hvcnQ=")
