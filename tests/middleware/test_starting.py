"""The ledger is asked once when the app starts: what cannot be used stops it with the fix."""

from __future__ import annotations

import asyncio

import pytest

from hookseal import ConfigError, generate_secret
from hookseal.asgi import WebhookMiddleware
from hookseal.ledger import MemoryLedger
from hookseal.wsgi import WebhookMiddleware as WsgiMiddleware

SECRET = generate_secret()
UNUSABLE = "ledger: found nobody at store.example:6379. Start it, or mend the URL."


class BrokenLedger(MemoryLedger):
    def check(self):
        raise ConfigError(UNUSABLE)


class SoundLedger(MemoryLedger):
    checked = 0

    def check(self):
        self.checked += 1


class AsyncBrokenLedger(MemoryLedger):
    async def check(self):
        raise ConfigError(UNUSABLE)


def lifespan(ledger):
    """Start and stop an app as a server does; return what it said."""
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    said = []

    async def app(scope, receive, send):
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await send({"type": "lifespan.shutdown.complete"})

    async def receive():
        return incoming.pop(0)

    async def send(message):
        said.append(message)

    guarded = WebhookMiddleware(app, secrets=SECRET, ledger=ledger)
    asyncio.run(guarded({"type": "lifespan"}, receive, send))
    return said


@pytest.mark.parametrize("ledger", [BrokenLedger(), AsyncBrokenLedger()], ids=["sync", "async"])
def test_an_asgi_server_is_told_that_the_start_failed_and_why(ledger):
    assert lifespan(ledger) == [{"type": "lifespan.startup.failed", "message": UNUSABLE}]


@pytest.mark.parametrize("ledger", [SoundLedger(), MemoryLedger(), None])
def test_a_ledger_that_works_leaves_the_lifespan_to_the_app(ledger):
    said = [message["type"] for message in lifespan(ledger)]

    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_wsgi_app_is_not_made_over_a_ledger_that_cannot_be_used():
    with pytest.raises(ConfigError, match="found nobody at store"):
        WsgiMiddleware(lambda environ, start: [], secrets=SECRET, ledger=BrokenLedger())


def test_a_wsgi_app_asks_its_ledger_once():
    ledger = SoundLedger()
    WsgiMiddleware(lambda environ, start: [], secrets=SECRET, ledger=ledger)

    assert ledger.checked == 1
