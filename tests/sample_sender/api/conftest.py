import contextlib

import httpx2
import pytest

from hookseal_sender.addresses import AddressGuard, parse_network
from hookseal_sender.api import Services, create_app
from hookseal_sender.errors import NotFound
from hookseal_sender.model import DEFAULT_ORGANISATION, AttemptDraft, Result, Scope
from hookseal_sender.tokens import TokenKey

KEY = TokenKey(b"k" * 32)
LOOPBACK = AddressGuard([parse_network("127.0.0.0/8")])
URL = {"url": "https://example.com/hook"}


@pytest.fixture(params=["sqlite"])
def dialect(request):
    """The API asks the same of every store; a smoke run on the other is elsewhere."""
    return request.param


@pytest.fixture
def make_services(store, clock):
    def make(**settings):
        return Services(
            **{"store": store, "tokens": KEY, "guard": LOOPBACK, "clock": clock} | settings
        )

    return make


@pytest.fixture
def services(make_services):
    return make_services()


@pytest.fixture
def token_of(clock):
    def make(app_id=None, org_id=DEFAULT_ORGANISATION, **options):
        scope = Scope(org_id=org_id, app_id=app_id)
        return KEY.issue(scope, now=int(clock()), **options)

    return make


@pytest.fixture
def connect(token_of):
    """Give a client of an API on some services: ``async with connect(services) as client``."""

    @contextlib.asynccontextmanager
    async def make(services, token=None):
        transport = httpx2.ASGITransport(create_app(services), raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {token or token_of()}"}
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://sender/api/v1", headers=headers
        ) as client:
            yield client

    return make


@pytest.fixture
async def client(connect, services):
    async with connect(services) as client:
        yield client


@pytest.fixture
async def app_id(client):
    return (await client.post("/app", json={"name": "tenant", "uid": "tenant"})).json()["id"]


@pytest.fixture
async def endpoint_id(client, app_id):
    made = await client.post(f"/app/{app_id}/endpoint", json={**URL, "uid": "e"})
    return made.json()["id"]


@pytest.fixture
def blind_once(store, monkeypatch):
    """Let the store's next call of a method find nothing, as if it came before the others."""

    def make(method):
        original, calls = getattr(store, method), []

        async def first_blind(*arguments):
            calls.append(arguments)
            if len(calls) == 1:
                raise NotFound("not yet")
            return await original(*arguments)

        monkeypatch.setattr(store, method, first_blind)

    return make


@pytest.fixture
def send(client, app_id):
    """Publish an event and return its id."""

    async def send(event_type="user.created", **fields):
        body = {"eventType": event_type, "payload": {"a": 1}, **fields}
        made = await client.post(f"/app/{app_id}/msg", json=body)
        assert made.status_code == 202, made.text
        return made.json()["id"]

    return send


@pytest.fixture
def work(store, clock):
    """Attempt all that is due once, each answered with ``status``; without a retry it fails."""

    async def work(status=200, *, retry_in=None):
        claimed = await store.claim(limit=100, per_endpoint=100, lease=30)
        for task in claimed.tasks:
            attempt = AttemptDraft(
                url=task.url,
                started_ms=clock.now_ms,
                duration_ms=7,
                succeeded=200 <= status < 300,
                status=status,
                response="thanks",
                reason=f"answered {status}",
                response_headers=(("Server", "test"),),
            )
            assert await store.complete(
                Result(lease=task.lease, attempt=attempt, retry_in=retry_in)
            )
        return len(claimed.tasks)

    return work
