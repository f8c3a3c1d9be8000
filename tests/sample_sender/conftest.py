import asyncio
import contextlib
import itertools
import shutil

import pytest
import uvicorn
from sqlalchemy import create_engine, make_url, text

from hookseal import generate_secret
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    ApplicationDraft,
    EndpointDraft,
    MessageDraft,
    Scope,
)
from hookseal_sender.outcome import Reply
from hookseal_sender.store import migrations, open_store
from hookseal_sender.vault import Vault
from tests.stores.servers import postgresql_url

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

    async def send(self, url, headers, body, *, timeout=None):  # noqa: ASYNC109 # as Transport
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
def said(caplog):
    """What the sender has logged, as level and words."""
    return lambda: [
        (each.levelname, each.message)
        for each in caplog.records
        if each.name.startswith("hookseal_sender")
    ]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def waiter(clock):
    return Waiter(clock)


@pytest.fixture
def make_transport():
    return FakeTransport


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A migrated file, to copy."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrations.upgrade(f"sqlite:///{file}")
    with create_engine(f"sqlite:///{file}").connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


class Server:
    """A PostgreSQL server that makes fresh databases out of a migrated one."""

    def __init__(self):
        self.url = make_url(postgresql_url()).set(drivername="postgresql+psycopg")
        self.numbers = itertools.count()
        self.template = self.create("template1")
        migrations.upgrade(self.template)
        self.engine.dispose()

    def create(self, template):
        name = f"hookseal_sender_{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url.set(database=name).render_as_string(hide_password=False)

    def fresh(self):
        return self.create(make_url(self.template).database)

    def drop(self, url):
        self.run(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    @property
    def engine(self):
        return create_engine(self.url, isolation_level="AUTOCOMMIT")

    def run(self, statement):
        engine = self.engine
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@pytest.fixture(scope="session")
def postgresql_server():
    return Server()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request):
    return request.param


@pytest.fixture
def database_url(request, dialect, tmp_path):
    """The URL of a fresh, migrated database of each kind."""
    if dialect == "sqlite":
        file = tmp_path / "sender.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    server = request.getfixturevalue("postgresql_server")
    url = server.fresh()
    try:
        yield url
    finally:
        server.drop(url)


@pytest.fixture(scope="session")
def vault():
    return Vault([b"v" * 32])


@pytest.fixture
async def store(database_url, vault, clock):
    store = open_store(database_url, vault, clock=clock.database)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def another_store(database_url, vault, clock):
    """Open the same database again, as another process would."""
    opened = []

    async def open_again():
        opened.append(open_store(database_url, vault, clock=clock.database))
        return opened[-1]

    yield open_again
    for each in opened:
        await each.close()


@pytest.fixture
def make_application(store):
    async def make(org_id=DEFAULT_ORGANISATION, **fields):
        return await store.create_application(
            org_id, ApplicationDraft(**({"name": "tenant"} | fields))
        )

    return make


@pytest.fixture
def make_endpoint(store, make_application):
    """Make an endpoint, in a new application unless one is given."""

    async def make(app_id=None, *, headers=None, **fields):
        if app_id is None:
            app_id = (await make_application()).id
        draft = EndpointDraft(**({"url": "https://example.com/h", "name": "e"} | fields))
        return await store.create_endpoint(app_id, draft, generate_secret(), headers)

    return make


@pytest.fixture
def publish(store):
    """Publish a message and return it."""

    async def publish(app_id, event_type="user.created", payload=b'{"a":1}', **fields):
        draft = MessageDraft(event_type=event_type, payload=payload, **fields)
        return (await store.publish(Scope(org_id=DEFAULT_ORGANISATION), app_id, draft)).message

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
