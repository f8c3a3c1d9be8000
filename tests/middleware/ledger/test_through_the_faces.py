"""A shared store that dies, hangs and comes back, as the sender and the event loop see it."""

from __future__ import annotations

import asyncio
import time

import pytest

from hookseal import generate_secret
from hookseal.asgi import WebhookMiddleware
from hookseal.testing import WebhookClient
from tests.stores.servers import needs, paused, valkey_server

SECRET = generate_secret()


@pytest.fixture
def valkey():
    with valkey_server() as server:
        yield server


async def handler(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["state"]["hookseal_event"].id.encode()})


def test_a_hanging_store_closes_fails_soon_and_recovers_without_a_restart(valkey):
    needs("redis")

    async def story():
        app = WebhookMiddleware(handler, secrets=SECRET, ledger=valkey.connection_url, lease=0.5)
        client = WebhookClient(app, SECRET)
        before = await client.asend({}, event_id="msg_before")
        with paused(valkey._process.pid):
            begun = time.monotonic()
            asking = asyncio.create_task(client.asend({}, event_id="msg_during"))
            turns = 0
            while not asking.done():
                await asyncio.sleep(0.01)
                turns += 1
            refused, took = asking.result(), time.monotonic() - begun
        begun = time.monotonic()
        while (after := await client.asend({}, event_id="msg_during")).status == 503:
            # What the hanging server was asked for, it did late: the claim is held for its lease.
            assert time.monotonic() < begun + 5
        again = await client.asend({}, event_id="msg_before")
        await app.policy.ledger.aclose()
        return before, refused, took, turns, after, again

    before, refused, took, turns, after, again = asyncio.run(story())
    assert (before.status, after.status, again.status) == (200, 200, 200)
    assert again.headers["webhook-replayed"] == "true"
    assert refused.status == 503
    assert refused.json()["code"] == "ledger_unavailable"
    assert int(refused.headers["retry-after"]) > 0
    assert took < 5
    assert turns > 10, "the event loop was held up"
