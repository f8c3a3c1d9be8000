"""The console on a real store, and browsers that look at it: one for each who is signed in."""

import re
from dataclasses import dataclass, replace
from html import unescape

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hookseal_receiver.play import PlaySettings, PlayStore, create_play
from hookseal_sender.api import Services
from hookseal_sender.console import ConsoleSettings, Playing, create_console
from hookseal_sender.inspectors import Inspectors
from hookseal_sender.links import Links, new_scope
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    AttemptDraft,
    EventTypeDraft,
    MessageDraft,
    Result,
    Scope,
)
from hookseal_sender.tokens import TokenKey
from tests.sample_sender.api.conftest import KEY, LOOPBACK

KEYS = (b"n" * 32, b"o" * 32)
FORM_KEY = b"f" * 32
PUBLIC_URL = "http://sender.example"
HTTPS_URL = "https://sender.example"
OTHER_ORGANISATION = "org_" + "2".rjust(27, "0")
ENDPOINT_URL = "https://example.com/hook"
SETTINGS = ConsoleSettings(retry_schedule=(5.0, 300.0), request_timeout=20.0)
_FORM = re.compile(r'name="csrf" value="([^"]+)"')
_ONCE = re.compile(r'name="once" value="([^"]+)"')
_ERROR = re.compile(r'class="error" id="([\w-]+)-error">([^<]*)<')


@pytest.fixture(params=["sqlite"])
def dialect(request):
    """The pages ask the same of every store; what searches runs on both."""
    return request.param


@dataclass
class Page:
    """A page as a person meets it."""

    answer: httpx2.Response

    @property
    def status(self):
        return self.answer.status_code

    @property
    def text(self):
        return unescape(self.answer.text)

    @property
    def to(self):
        """Where it sends the browser, below the console."""
        return self.answer.headers["location"].removeprefix("/console")

    @property
    def csrf(self):
        return _FORM.search(self.answer.text)[1]

    @property
    def once(self):
        return _ONCE.search(self.answer.text)[1]

    @property
    def faults(self):
        """The fields that have an error beside them, with its words."""
        return dict(_ERROR.findall(self.answer.text))

    @property
    def words(self):
        """The text alone, each run of space as one."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.answer.text)).split())

    @property
    def cookies(self):
        return self.answer.headers.get_list("set-cookie")


class Browser:
    """A browser at the console's root; ``form_page`` is one whose forms it may send."""

    def __init__(self, app, base_url, form_page="/sign-in"):
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url=f"{base_url}/console"
        )
        self.form_page = form_page

    async def get(self, path, **options):
        return Page(await self.client.get(path, **options))

    async def post(self, path, fields=None, **options):
        """Send a form as it is given, from anywhere."""
        return Page(await self.client.post(path, data=fields or {}, **options))

    async def submit(self, path, *, headers=None, **fields):
        """Send a form of ours."""
        csrf = (await self.get(self.form_page)).csrf
        return await self.post(path, {"csrf": csrf, **fields}, headers=headers)


@pytest.fixture
async def play_store():
    store = PlayStore()
    yield store
    await store.close()


@pytest.fixture
def play(play_store):
    settings = PlaySettings(anyone_may_make=False, bins_per_client=2)
    return create_play(play_store, settings=settings)


@pytest.fixture
def links():
    return Links(PUBLIC_URL, KEYS)


@pytest.fixture
def make_services(store, clock, links):
    def make(public_url=PUBLIC_URL, **settings):
        given = {"store": store, "tokens": KEY, "guard": LOOPBACK, "clock": clock, "links": links}
        given["inspectors"] = Inspectors(public_url)
        return Services(public_url=public_url, **(given | settings))

    return make


@pytest.fixture
def make_console(make_services, links, play):
    """Return the console as it is served, below ``/console`` and with Play beside it."""

    def make(*, keys=KEYS, playing=True, settings=SETTINGS, frame_origins=(), **given):
        inspectors = Playing(play, PUBLIC_URL) if playing else None
        follows = {"follow": inspectors.follow} if inspectors else {}
        services = make_services(**(follows | given))
        console = create_console(
            services,
            replace(settings, frame_origins=frame_origins),
            keys=keys,
            form_key=FORM_KEY,
            links=links,
            playing=inspectors,
        )
        return Starlette(routes=[Mount("/console", console), Mount("/play", play)])

    return make


@pytest.fixture
def console(make_console):
    return make_console()


@pytest.fixture
async def open_browser(console):
    """Open a browser where nobody is signed in."""
    opened = []

    def open_one(app=None, base_url=PUBLIC_URL, **more):
        opened.append(Browser(app or console, base_url, **more))
        return opened[-1]

    yield open_one
    for each in opened:
        await each.client.aclose()


@pytest.fixture
def browser(open_browser):
    return open_browser()


@pytest.fixture
def token_of(clock):
    def make(org_id=DEFAULT_ORGANISATION, app_id=None, key: TokenKey = KEY, **options):
        scope = Scope(org_id=org_id, app_id=app_id)
        return key.issue(scope, now=int(clock()), **options)

    return make


@pytest.fixture
def sign_in(open_browser, token_of):
    """Return a browser in which an operator is signed in."""

    async def make(app=None, org_id=DEFAULT_ORGANISATION, **more):
        browser = open_browser(app, **more)
        answer = await browser.submit("/sign-in", token=token_of(org_id))
        assert answer.status == 303, answer.words
        browser.form_page = "/workspaces"
        return browser

    return make


@pytest.fixture
async def operator(sign_in):
    return await sign_in()


@pytest.fixture
def link_of(links, clock):
    """Return the end of the path of a magic link into an application, and its scope."""

    def make(app, seconds=3600):
        scope = new_scope(app, clock.now_ms)
        link = links.make(scope, expires=int(clock()) + seconds)
        return link.removeprefix(f"{PUBLIC_URL}/console"), scope

    return make


@pytest.fixture
def let_in(open_browser, link_of):
    """Return a browser in which a customer came by a link."""

    async def make(app, console=None, **more):
        browser = open_browser(console, form_page=f"/app/{app.id}/webhooks/new", **more)
        answer = await browser.get(link_of(app, seconds=86_400)[0])
        assert answer.status == 303, answer.words
        return browser

    return make


@pytest.fixture
async def app(make_application):
    return await make_application(name="Acme", uid="acme")


@pytest.fixture
async def customer(let_in, app):
    return await let_in(app)


@pytest.fixture
async def endpoint(make_endpoint, app):
    return await make_endpoint(app.id, url=ENDPOINT_URL, name="Orders")


@pytest.fixture
def hook(app, endpoint):
    """The path of the endpoint's page."""
    return f"/app/{app.id}/webhooks/{endpoint.id}"


@pytest.fixture
def event_type(store):
    async def make(name, *, org_id=DEFAULT_ORGANISATION, **fields):
        draft = EventTypeDraft(name=name, description="", **fields)
        return await store.create_event_type(org_id, draft)

    return make


@pytest.fixture
def send(store):
    """Publish an event to one endpoint and return the message."""

    async def send(endpoint, event_type="user.created", payload=b'{"a":1}', **fields):
        draft = MessageDraft(event_type=event_type, payload=payload, **fields)
        return await store.publish_to(endpoint.app_id, endpoint.id, draft)

    return send


@pytest.fixture
def work(store, clock):
    """Attempt all that is due once. Without ``retry_in`` a failure is for good."""

    async def work(status=200, *, retry_in=None, reason=None, **fields):
        claimed = await store.claim(limit=100, per_endpoint=100, lease=30)
        for task in claimed.tasks:
            given = {"response": "thanks", "duration_ms": 7} | fields
            attempt = AttemptDraft(
                url=task.url,
                started_ms=clock.now_ms,
                succeeded=200 <= status < 300,
                status=status,
                reason=reason or f"the endpoint answered {status}",
                **given,
            )
            result = Result(lease=task.lease, attempt=attempt, retry_in=retry_in)
            assert await store.complete(result)
        return len(claimed.tasks)

    return work
