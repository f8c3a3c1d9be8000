import asyncio
import contextlib

import pytest
import uvicorn

from hookseal import generate_secret
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    ApplicationDraft,
    EndpointDraft,
    MessageDraft,
)
from hookseal_sender.outcome import Reply
from hookseal_sender.store import SqlStore

START_MS = 1_800_000_000_000


class FakeClock:
    """Time that moves when told: for the store in milliseconds, for the worker in seconds."""

    def __init__(self):
        self.now_ms = START_MS

    def advance(self, seconds):
        self.now_ms += round(seconds * 1000)

    def database(self, _connection):
        return self.now_ms

    def __call__(self):
        return self.now_ms / 1000


class FakeTransport:
    """Answers from a script, then 200, and keeps what was sent."""

    def __init__(self, *script):
        self.script = list(script)
        self.sent = []

    async def send(self, url, headers, body):
        self.sent.append((url, dict(headers), body))
        answer = self.script.pop(0) if self.script else 200
        if isinstance(answer, BaseException):
            raise answer
        return Reply(status=answer, body="", duration_ms=1) if isinstance(answer, int) else answer


class Waiter:
    """Moves the clock instead of waiting, and stops the worker after some idle turns."""

    def __init__(self, clock, turns=3):
        self.clock, self.turns, self.pauses, self.worker = clock, turns, [], None

    async def __call__(self, event, pause):
        self.pauses.append(pause)
        if pause is None:
            await event.wait()
            return
        for _ in range(200):  # lets requests and their records end; they need no time
            if not self.worker._in_flight:
                break
            await asyncio.sleep(0.001)
        if event.is_set():
            return
        self.turns -= 1
        if self.turns == 0:
            self.worker.stop()
        self.clock.advance(pause)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def waiter(clock):
    return Waiter(clock)


@pytest.fixture
def make_transport():
    return FakeTransport


@pytest.fixture
def database_url(tmp_path):
    return f"sqlite:///{tmp_path / 'sender.db'}"


@pytest.fixture
async def store(database_url, clock):
    store = SqlStore(database_url, clock=clock.database)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def make_endpoint(store):
    """Make an endpoint, in a new application unless one is given."""

    async def make(app_id=None, **fields):
        if app_id is None:
            draft = ApplicationDraft(name="tenant")
            app_id = (await store.create_application(DEFAULT_ORGANISATION, draft)).id
        draft = EndpointDraft(**({"url": "https://example.com/h", "name": "e"} | fields))
        return await store.create_endpoint(app_id, draft, generate_secret())

    return make


@pytest.fixture
def publish(store):
    async def publish(app_id, event_type="user.created", payload=b'{"a":1}', **fields):
        draft = MessageDraft(event_type=event_type, payload=payload, **fields)
        return await store.publish(app_id, draft)

    return publish


@pytest.fixture
def served():
    """Serve an ASGI app on a free loopback port with a real uvicorn: ``async with served(app)``."""

    @contextlib.asynccontextmanager
    async def serve(app):
        config = uvicorn.Config(app, port=0, log_level="critical", lifespan="on")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 # uvicorn offers no event
            await asyncio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await task

    return serve
