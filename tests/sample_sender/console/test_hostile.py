"""No path, query, cookie or form makes a page fail: found by searching."""

import asyncio
import contextlib
import shutil
from urllib.parse import urlencode

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount

from hookseal_receiver.look import Forms
from hookseal_receiver.play import PlayStore, create_play
from hookseal_sender.api import Services
from hookseal_sender.console import Playing, create_console
from hookseal_sender.console.web import _context
from hookseal_sender.links import Links
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    ApplicationDraft,
    EndpointDraft,
    MessageDraft,
    Scope,
)
from hookseal_sender.store import open_store
from hookseal_sender.visits import Visit, Visits
from tests.sample_sender.api.conftest import KEY, LOOPBACK
from tests.sample_sender.console.conftest import FORM_KEY, KEYS, PUBLIC_URL, SETTINGS
from tests.sample_sender.console.routes import ROUTES

SCOPE = Scope(org_id=DEFAULT_ORGANISATION)
VISIT = Visit(scope=SCOPE, expires=4_000_000_000)
TEXT = st.text(max_size=12) | st.sampled_from(["\0", "..", ".", "%00", "é", "\u202e", "9" * 400])
NAMES = st.sampled_from(
    ["name", "uid", "url", "description", "events", "event", "patterns", "throttle", "timeout",
     "once", "do", "signing", "overlap", "since", "plan", "hours", "link", "token", "next", "x"]
)  # fmt: skip
FORMS = st.lists(st.tuples(NAMES, TEXT), max_size=6)
QUERIES = st.dictionaries(
    st.sampled_from(["behind", "said", "show", "next", "id", "state", "code", "event", "from"]),
    TEXT,
    max_size=4,
)


def quoted(raw):
    return "".join(f"%{byte:02x}" for byte in raw) or "x"


PARTS = st.binary(max_size=8).map(quoted) | TEXT.map(lambda text: quoted(text.encode()))


@contextlib.asynccontextmanager
async def console_client(store, clock, cookie):
    played = PlayStore()
    services = Services(store=store, tokens=KEY, guard=LOOPBACK, clock=clock)
    console = create_console(
        services, SETTINGS, keys=KEYS, form_key=FORM_KEY, links=Links(PUBLIC_URL, KEYS),
        playing=Playing(create_play(played), PUBLIC_URL),
    )  # fmt: skip
    transport = httpx2.ASGITransport(Starlette(routes=[Mount("/console", console)]))
    async with httpx2.AsyncClient(
        transport=transport, base_url=f"{PUBLIC_URL}/console", headers={"cookie": cookie}
    ) as client:
        yield client
    await played.close()
    await store.close()


@pytest.fixture
def asking(sqlite_template, tmp_path, vault, clock):
    """Give answers to requests of an operator, each time about a new workspace."""
    file = tmp_path / "hostile.db"
    shutil.copy(sqlite_template, file)
    csrf = Forms(FORM_KEY).token(_context(VISIT), clock())
    cookie = f"hookseal_operator={Visits(KEYS, 'operator').seal(VISIT)}"
    store = open_store(f"sqlite:///{file}", vault, clock=clock.database)

    async def ask(client, make_requests):
        client.cookies.clear()
        return [
            await client.request(method, path, **rest)
            for method, path, rest in make_requests(await planted(store), csrf)
        ]

    with asyncio.Runner() as runner:
        using = console_client(store, clock, cookie)
        client = runner.run(using.__aenter__())
        yield lambda make_requests: runner.run(ask(client, make_requests))
        runner.run(using.__aexit__(None, None, None))


async def planted(store):
    """Return the ids of a workspace, a webhook and a delivery."""
    app = await store.create_application(DEFAULT_ORGANISATION, ApplicationDraft(name="t"))
    draft = EndpointDraft(url="https://example.com/", name="e")
    endpoint = await store.create_endpoint(app.id, draft, "whsec_" + "A" * 32)
    message = await store.publish_to(app.id, endpoint.id, MessageDraft(event_type="a", payload=b""))
    return {"app_id": app.id, "endpoint_id": endpoint.id, "msg_id": message.id, "sealed": "x"}


FORM = {"content-type": "application/x-www-form-urlencoded"}


@given(
    route=st.sampled_from(ROUTES), part=PARTS, at=st.integers(0, 2), query=QUERIES, form=FORMS,
    body=st.binary(max_size=60),
)  # fmt: skip
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_sent_makes_a_page_fail(asking, route, part, at, query, form, body):
    def requests(ids, csrf):
        where = route.path.format(**ids)
        strange = dict(ids)
        if route.names:
            strange[route.names[at % len(route.names)]] = part
        fields = urlencode([*form, ("csrf", csrf)])
        for path in (route.path.format(**strange), where):
            if route.method == "GET":
                yield "GET", path, {"params": query}
                yield "HEAD", path, {}
            else:
                yield "POST", path, {"content": fields, "params": query, "headers": FORM}
                yield "POST", path, {"content": body, "headers": FORM}
                yield "POST", path, {"content": body + b"&csrf=" + csrf.encode(), "headers": FORM}

    for answer in asking(requests):
        assert answer.status_code < 500
        assert answer.headers.get("location", "/console").startswith("/console")


@given(cookies=st.lists(st.binary(max_size=40), max_size=3), token=st.binary(max_size=40))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cookie_and_no_header_makes_a_page_fail(asking, cookies, token):
    given_cookies = b"; ".join(
        name + each
        for each in cookies
        for name in (b"hookseal_operator=", b"hookseal_customer=", b"")
    )
    headers = {"cookie": given_cookies, "origin": token, "content-type": token, "host": "x"}

    def requests(ids, _csrf):
        yield "GET", f"/app/{ids['app_id']}/webhooks", {"headers": headers}
        yield "POST", f"/app/{ids['app_id']}/plan", {"headers": headers, "content": token}
        yield "POST", "/sign-in", {"headers": {**headers, **FORM}, "content": b"csrf=" + token}

    for answer in asking(requests):
        assert answer.status_code in {303, 403, 415}


def test_the_forms_that_are_sent_here_are_taken(asking):
    def requests(ids, csrf):
        content = f"csrf={csrf}&plan=enterprise"
        yield "POST", f"/app/{ids['app_id']}/plan", {"content": content, "headers": FORM}

    (answer,) = asking(requests)
    assert "/app/" in answer.headers["location"]


def test_a_form_that_is_too_large_is_refused(asking):
    def requests(_ids, csrf):
        start = f"csrf={csrf}&name="
        yield "POST", "/workspaces", {"content": start + "x" * 300_000, "headers": FORM}
        yield "POST", "/workspaces", {"content": start + "&a=" * 1001, "headers": FORM}

    assert [answer.status_code for answer in asking(requests)] == [413, 413]
