"""The console and Play beside the API, as the settings want them."""

import argparse
import asyncio
import re

import httpx2
import pytest

from hookseal_receiver.play import Play
from hookseal_sender.addresses import AddressGuard
from hookseal_sender.api import Services, create_app
from hookseal_sender.config import load
from hookseal_sender.errors import StartError
from hookseal_sender.keys import form_key, page_keys, token_key
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.running.listening import address_of, listen
from hookseal_sender.running.operations import operating
from hookseal_sender.running.pages import inspecting, inspectors_of, links_of, page_routes
from hookseal_sender.running.parts import make_api, working
from hookseal_sender.running.server import serving
from hookseal_sender.running.words import how_to_use
from hookseal_sender.worker import Worker

pytestmark = pytest.mark.anyio
KEYS = "new-" * 8 + "," + "old-" * 8
NOW = 1_700_000_000  # in the past of every clock here
POSTGRESQL = "postgresql://hookseal@db/hookseal"


@pytest.fixture
def dialect():
    return "sqlite"


@pytest.fixture
def settings(database_url):
    def make(**given):
        given = {
            "database_url": database_url,
            "token_key": KEYS,
            "encryption_key": "sealing-" * 4,
        } | given
        environment = {f"HOOKSEAL_{name.upper()}": value for name, value in given.items()}
        return load(argparse.Namespace(), environment, warn=pytest.fail)

    return make


@pytest.fixture
def connect(store, clock):
    """Return a client of the API and what stands beside it, as the settings want it."""

    def make(settings, playing=None):
        services = Services(
            store=store,
            tokens=token_key(settings),
            guard=AddressGuard(),
            clock=clock,
            public_url=settings.public_url,
            links=links_of(settings),
        )
        app = create_app(services, routes=page_routes(settings, services, playing))
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://sender")

    return make


async def test_the_console_and_play_are_served_where_they_are_looked_for(settings, connect):
    given = settings(frame_origins="https://app.example")
    async with inspecting(given) as playing, connect(given, playing) as client:
        assert (await client.get("/")).headers["location"] == "/console/"
        assert (await client.get("/console")).headers["location"].endswith("/console/")
        assert (await client.get("/console/")).headers["location"] == "/console/sign-in"
        door = await client.get("/console/sign-in")
        front = await client.get("/play/")
        for page in (door, front):
            assert page.status_code == 200
            policy = page.headers["content-security-policy"]
            assert "frame-ancestors https://app.example" in policy
        style = re.search(r'href="([^"]+\.css[^"]*)"', door.text)[1]
        assert (await client.get(style)).status_code == 200


async def test_nobody_makes_an_inspector_but_by_the_console(settings, connect):
    given = settings()
    async with inspecting(given) as playing, connect(given, playing) as client:
        assert (await client.post("/play/api/v1/token/generate")).status_code >= 400
        assert (await client.post("/play/new")).status_code >= 400
        assert await playing.play.make_bin()


@pytest.mark.parametrize(("proxies", "https"), [("", "fail"), ("10.0.0.0/24", "pass")])
async def test_play_believes_the_proxies_that_are_named(settings, connect, proxies, https):
    given = settings(public_url="https://hooks.example", trusted_proxies=proxies)
    async with inspecting(given) as playing, connect(given, playing) as client:
        made = await playing.play.make_bin()
        path = playing.play.capture_url(made, "/play")
        client._transport = httpx2.ASGITransport(client._transport.app, client=("10.0.0.7", 1))
        assert await client.post(path, headers={"x-forwarded-proto": "https"})
        captured = await arrived(playing.play, made)
    assert {step.name: step.state for step in captured.verdict.steps}["HTTPS"] == https


async def test_without_a_console_there_is_neither(settings, connect):
    given = settings(console="false")
    assert links_of(given) is None
    assert "http" not in str(inspectors_of(given).base)
    async with inspecting(given) as playing, connect(given) as client:
        assert playing is None
        for path in ("/", "/console/", "/play/"):
            assert (await client.get(path)).status_code == 404
    assert "/console" not in how_to_use(given)
    assert f"{settings().public_url}/console/" in how_to_use(settings())


async def test_with_postgresql_there_is_play_where_its_file_is_named(settings, tmp_path, connect):
    without = settings(database_url=POSTGRESQL)
    async with inspecting(without) as playing, connect(without) as client:
        assert playing is None
        assert (await client.get("/play/")).status_code == 404
        assert (await client.get("/console/sign-in")).status_code == 200
    token = "t" * 32
    assert f"{without.public_url}/play/in/{token}" not in inspectors_of(without)
    file = tmp_path / "named.db"
    given = settings(database_url=POSTGRESQL, play_store=str(file))
    assert f"{given.public_url}/play/in/{token}" in inspectors_of(given)
    async with inspecting(given) as playing:
        assert isinstance(playing.play, Play)
        assert file.exists()


async def test_play_keeps_its_requests_beside_an_sqlite_database(settings, tmp_path, clock):
    async with inspecting(settings()) as playing:
        made = await playing.play.make_bin(secrets="whsec_" + "A" * 32)
    files = [file for file in tmp_path.iterdir() if file.name.startswith("sender.db.play")]
    assert files
    assert b"whsec_" not in b"".join(file.read_bytes() for file in files)
    async with inspecting(settings()) as playing:
        assert (await playing.play.store.bin_to_view(made.view_token, 0)).secrets


async def test_what_has_expired_in_play_is_deleted_from_its_file(settings, clock):
    def bins(rows):
        return rows.execute("SELECT count(*) FROM bins").fetchone()[0]

    async with inspecting(settings()) as playing:
        play = playing.play
        await play.make_bin()
        await play.store.make_bin(0, play.settings)
        assert await play.store.run(bins) == 2
    async with inspecting(settings()) as playing:
        await playing.play.store.run(bins)
        assert await playing.play.store.run(bins) == 1  # which waited for the deleting


async def test_a_file_that_cannot_be_used_is_named_with_its_setting(settings, tmp_path):
    given = settings(play_store=str(tmp_path / "none" / "play.db"))
    with pytest.raises(StartError, match="HOOKSEAL_PLAY_STORE"):
        async with inspecting(given):
            pass


async def test_forms_and_cookies_have_keys_of_their_own(settings):
    given = settings()
    assert page_keys(given) == tuple(key.encode() for key in KEYS.split(","))
    assert form_key(given) not in page_keys(given)
    assert form_key(given) == form_key(settings()) != form_key(settings(token_key="other-" * 6))
    scope = Scope(org_id=DEFAULT_ORGANISATION)
    token = token_key(given).issue(scope, now=NOW)
    newest = token_key(settings(token_key=KEYS.partition(",")[0]))
    assert newest.read(token, now=NOW).org_id == DEFAULT_ORGANISATION
    with pytest.raises(StartError, match="HOOKSEAL_TOKEN_KEY"):
        page_keys(settings(database_url=POSTGRESQL, token_key=""))


async def test_an_event_reaches_play_although_loopback_is_not_allowed(
    settings, store, clock, database_url
):
    with listen("127.0.0.1", 0) as listener:
        given = settings(public_url=address_of(listener))
        stop = asyncio.Event()
        async with (
            operating(store, database_url) as ours,
            inspecting(given) as playing,
            working(given, store, ours.observer, stop),
            serving(make_api(given, store, ours, playing), listener, stop),
        ):
            play = playing.play
            token = token_key(given).issue(Scope(org_id=DEFAULT_ORGANISATION), now=NOW)
            async with httpx2.AsyncClient(
                base_url=f"{given.public_url}/api/v1",
                headers={"authorization": f"Bearer {token}"},
                trust_env=False,
            ) as client:
                app = (await client.post("/app", json={"name": "a", "uid": "a"})).json()
                made = await play.make_bin(client=f"application {app['id']}")
                url = play.capture_url(made, f"{given.public_url}/play")
                near = await client.post("/app/a/endpoint", json={"url": f"{url}/x"})
                assert near.status_code == 422
                hook = (await client.post("/app/a/endpoint", json={"url": url})).json()
                await client.post(f"/app/a/endpoint/{hook['id']}/secret/rotate", json={})
                await client.post("/app/a/msg", json={"eventType": "a.b", "payload": {"a": 1}})
            captured = await arrived(play, made)
            assert captured.draft.body == b'{"a":1}'
            steps = {step.name: step.state for step in captured.verdict.steps}
            assert steps["Signature"] == "pass"


async def test_nothing_is_delivered_any_more_while_the_api_drains(
    settings, store, clock, database_url, monkeypatch
):
    stopped, stop = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(Worker, "stop", lambda worker: (stopped.set(), worker._stopping.set()))
    async with (
        operating(store, database_url) as ours,
        working(settings(), store, ours.observer, stop),
    ):
        await asyncio.sleep(0)
        assert not stopped.is_set()
        stop.set()
        async with asyncio.timeout(5):  # within the block: requests to the API are under way
            await stopped.wait()
        store.arrivals.set()


async def arrived(play, made):
    """Return the first request, which the worker sends within a moment."""
    async with asyncio.timeout(10):
        while True:
            if found := await play.store.newer(made.id, 0):
                return found[0]
            await asyncio.sleep(0.02)
