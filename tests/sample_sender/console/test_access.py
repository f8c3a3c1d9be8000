"""Who may ask for what: over every route of the console."""

from dataclasses import replace

import httpx2
import pytest

from hookseal_receiver.look import Forms
from hookseal_sender.console.access import Door
from hookseal_sender.errors import StoreUnavailable, Unauthenticated
from hookseal_sender.model import Scope
from tests.sample_sender.console.conftest import (
    FORM_KEY,
    OTHER_ORGANISATION,
    PUBLIC_URL,
    SETTINGS,
    Page,
)
from tests.sample_sender.console.routes import (
    FORMS,
    OF_A_WORKSPACE,
    OF_WEBHOOKS,
    OPEN,
    OPERATORS,
    ROUTES,
    each_of,
)
from tests.sample_sender.tenants import plant

pytestmark = pytest.mark.anyio


def test_there_are_as_many_routes_as_are_asked():
    assert len(ROUTES) == len(set(ROUTES)) >= 30
    assert {str(each) for each in ROUTES} >= OPEN | OPERATORS


@pytest.fixture
async def tenants(store):
    """Return two of one organisation and one of another, each with one of everything."""
    return [
        await plant(store, OTHER_ORGANISATION, "mine"),
        await plant(store, OTHER_ORGANISATION, "near"),
        await plant(store, "org_" + "3".rjust(27, "0"), "far"),
    ]


@pytest.fixture
async def mine(tenants, store, let_in):
    """Return the first tenant and its customer's browser."""
    app = await store.application(scope_of(tenants[0]), tenants[0].app_id)
    return tenants[0], await let_in(app)


def scope_of(tenant):
    return Scope(org_id=tenant.org_id)


def mixed(route, mine, other):
    """Yield ids of which some are the other's, in all ways."""
    names = [name for name in route.names if name in other.ids]
    for bits in range(1, 2 ** len(names)):
        for kind in ("ids", "uids"):
            theirs, ours = getattr(other, kind), getattr(mine, kind)
            yield {
                name: (theirs if bits >> place & 1 else ours)[name]
                for place, name in enumerate(names)
            }


async def test_nobody_gets_anything_without_signing_in(browser, tenants):
    for route in ROUTES:
        if str(route) not in OPEN:
            page = await route.by(browser, tenants[0].ids)
            assert (page.status, page.to.partition("?")[0]) == (303, "/sign-in"), str(route)


@pytest.mark.parametrize("other", [1, 2], ids=["same platform", "another platform"])
async def test_what_is_another_customers_is_not_there(mine, tenants, other, store):
    tenant, browser = mine
    other = tenants[other]
    asked = [(route, ids) for route in OF_A_WORKSPACE for ids in mixed(route, tenant, other)]
    for each, ids in asked:
        page = await each.by(browser, ids)
        in_vain = page.status == 303 and page.to.partition("?")[0] == "/sign-in"
        assert page.status == 404 or in_vain, (str(each), ids, page.words)
        assert not any(canary in page.text for canary in other.canaries)
    found = await store.endpoint(other.app_id, other.ids["endpoint_id"])
    assert (found.disabled, len(found.secrets)) == (False, 1)


async def test_an_operator_has_no_other_organisations(sign_in, tenants):
    browser = await sign_in(org_id=OTHER_ORGANISATION)
    for route in OF_A_WORKSPACE:
        page = await route.by(browser, tenants[2].ids)
        assert page.status == 404, str(route)
        assert not any(canary in page.text for canary in tenants[2].canaries)


@each_of([each for each in ROUTES if str(each) not in OPEN and each.path != "/"])
async def test_a_customer_gets_what_is_theirs_and_not_what_operators_can_do(mine, route):
    """So a 404 above is not that of a route that never answers."""
    tenant, browser = mine
    page = await route.by(browser, tenant.ids)
    if str(route) in OPERATORS:  # of which it is not
        assert (page.status, page.to.partition("?")[0]) == (303, "/sign-in")
    else:
        assert page.status in {200, 303}
        assert page.status == 200 or page.to.startswith("/app/")


async def test_a_customer_is_not_shown_what_operators_can_do(customer, app):
    page = await customer.get(f"/app/{app.id}")
    assert page.status == 200
    assert "<form" not in page.text.replace('<form method="post" action="/console/sign-out"', "")


async def test_without_the_plan_every_page_of_webhooks_says_what_it_would_be(
    sign_in, make_console, make_application, make_endpoint, send
):
    app = await make_application(plan="free", name="Small")
    endpoint = await make_endpoint(app.id)
    message = await send(endpoint)
    browser = await sign_in(make_console(contact="sales@platform.example"))
    ids = {"app_id": app.id, "endpoint_id": endpoint.id, "msg_id": message.id}
    for route in OF_WEBHOOKS:
        page = await route.by(browser, ids)
        assert page.status == 200, str(route)
        assert 'href="mailto:sales@platform.example"' in page.text
        assert endpoint.url not in page.text


async def test_the_contact_is_a_link_where_it_can_be(sign_in, make_console, make_application):
    app = await make_application(plan="free")
    for contact, shown in [
        ("https://platform.example/sales", 'href="https://platform.example/sales"'),
        ("ask Ann", "ask Ann"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("", "whoever runs this platform"),
    ]:
        browser = await sign_in(make_console(contact=contact))
        page = await browser.get(f"/app/{app.id}/webhooks")
        assert shown in page.text
        assert 'href="javascript' not in page.text


# --- forms of our own --------------------------------------------------------------------------

STATE = [each for each in FORMS if str(each) not in {"POST /sign-in", "POST /sign-out"}]


@pytest.fixture
async def ids(store, endpoint, send, work):
    message = await send(endpoint)
    return {"app_id": endpoint.app_id, "endpoint_id": endpoint.id, "msg_id": message.id}


async def test_a_form_needs_our_token(operator, sign_in, clock, ids, store):
    good = (await operator.get("/workspaces")).csrf
    of_another_session = (await (await sign_in()).get("/workspaces")).csrf
    of_the_door = Forms(FORM_KEY).token("sign-in", clock())
    until, _, mac = good.partition(".")
    forged = (f"{int(until) + 1}.{mac}", f"nan.{mac}", f"{until}.é")
    for route in STATE:
        path = route.path.format(**ids)
        for bad in ("", "x", of_another_session, of_the_door, *forged):
            page = await operator.post(path, {**route.fields, "csrf": bad})
            assert page.status == 403, (path, bad)
        json = await operator.client.post(path, json={"csrf": good})
        assert json.status_code == 415
    await assert_unchanged(store, ids)


async def test_a_form_is_sent_by_our_site(operator, ids, store):
    good = (await operator.get("/workspaces")).csrf
    elsewhere = [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ]
    for route in STATE:
        path = route.path.format(**ids)
        for headers in elsewhere:
            page = await operator.post(path, {**route.fields, "csrf": good}, headers=headers)
            assert page.status == 403, (path, headers)
    await assert_unchanged(store, ids)


async def assert_unchanged(store, ids):
    found = await store.endpoint(ids["app_id"], ids["endpoint_id"])
    assert (found.disabled, found.name, len(found.secrets)) == (False, "Orders", 1)


async def test_a_page_that_is_open_for_long_cannot_be_sent(operator, clock, app):
    fields = {"csrf": (await operator.get("/workspaces")).csrf, "plan": "free"}
    clock.advance(12 * 3600 - 1)  # the session's end, which a new one outlives
    page = await operator.post(f"/app/{app.id}/plan", fields)
    assert page.status == 303
    clock.advance(2)
    page = await operator.post(f"/app/{app.id}/plan", fields)
    assert page.to == "/sign-in"


async def test_a_form_from_our_site_is_taken(operator, app):
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": PUBLIC_URL}):
        page = await operator.submit(f"/app/{app.id}/plan", headers=headers, plan="x")
        assert page.to == f"/app/{app.id}"


async def test_nobody_can_be_signed_in_from_elsewhere(browser, token_of):
    headers = {"sec-fetch-site": "cross-site"}
    page = await browser.submit("/sign-in", headers=headers, token=token_of())
    assert (page.status, page.cookies) == (403, [])
    assert (await browser.post("/sign-in", {"token": token_of()})).status == 403


# --- what goes wrong ---------------------------------------------------------------------------


async def test_what_is_not_there_is_said(operator, browser):
    for path, status in [("/no", 404), ("/app/none/webhooks", 404), ("/static/no.css", 404)]:
        assert (await operator.get(path)).status == status
    assert (await browser.get("/no")).status == 404
    wrong = await operator.client.put("/workspaces")
    assert wrong.status_code == 405
    assert "<h1>" in wrong.text


async def test_a_store_that_fails_is_said(operator, store, monkeypatch):
    for error, status in ((StoreUnavailable("the disk is full"), 503), (Unauthenticated("x"), 401)):

        async def fails(*_, error=error, **__):
            raise error

        monkeypatch.setattr(store, "applications", fails)
        page = await operator.get("/workspaces")
        assert page.status == status
        assert "<h1>" in page.text


async def test_a_page_that_is_open_is_loaded_anew_where_a_part_of_it_is_lost(
    operator, browser, hook, store, monkeypatch
):
    asks = {"hx-request": "true"}
    part = f"{hook}/logs/list"
    assert (await operator.get(part, headers=asks)).status == 200
    lost = [await browser.get(part, headers=asks)]  # signed out
    await operator.submit(f"{hook.partition('/webhooks')[0]}/plan", plan="free")
    lost.append(await operator.get(part, headers=asks))
    await operator.submit(f"{hook.partition('/webhooks')[0]}/plan", plan="enterprise")
    await operator.submit(f"{hook}/delete")
    lost.append(await operator.get(part, headers=asks))
    for page in lost:
        assert (page.status, page.answer.headers["hx-refresh"]) == (204, "true")

    async def fails(*_):
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(store, "application", fails)
    stays = await operator.get(part, headers=asks)
    assert (stays.status, "hx-refresh" in stays.answer.headers) == (204, False)


async def test_every_page_is_kept_safe(browser):
    for path in ("/sign-in", "/no", "/link/x", "/static/hookseal.css"):
        headers = (await browser.get(path)).answer.headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"


async def test_a_fault_of_ours_is_said_on_a_page_and_its_frames_in_the_log(
    console, hook, monkeypatch, said
):
    quoted = "a row is odd"

    async def fails(*_):
        raise RuntimeError(quoted)

    client = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(console),  # which raises what the server would log
        base_url=f"{PUBLIC_URL}/console",
    )
    monkeypatch.setattr(Door, "_visits", fails)
    async with client:
        page = Page(await client.get(hook))
        part = await client.get(f"{hook}/logs/list", headers={"hx-request": "true"})
    assert page.status == 500
    assert "This failed here" in page.words
    assert quoted not in page.text
    assert page.answer.headers["cache-control"] == "no-store"
    assert (part.status_code, "hx-refresh" in part.headers) == (204, False)
    assert len(said()) == 2
    for level, words in said():
        assert (level, "RuntimeError" in words, "in fails" in words) == ("ERROR", True, True)
        assert quoted not in words


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ((5.0, 300.0), "Retries for 5 minutes, and replay of what failed"),
        ((3600.0, 86_400.0, 86_400.0), "Retries for 2 days, and replay of what failed"),
        ((), "Replay of what failed"),
    ],
)
async def test_the_gate_promises_the_retries_that_there_are(
    sign_in, make_console, make_application, schedule, says
):
    browser = await sign_in(make_console(settings=replace(SETTINGS, retry_schedule=schedule)))
    app = await make_application(plan="starter")
    assert says in (await browser.get(f"/app/{app.id}/webhooks")).words


async def test_a_page_that_says_what_is_wrong_leaves_the_way_back(customer, operator, browser, app):
    webhooks = f'href="/console/app/{app.id}/webhooks"'
    there = await customer.get(f"/app/{app.id}/webhooks/none")
    assert there.status == 404
    assert webhooks in there.text
    assert "Sign out" in there.words
    assert "Sign out" in (await customer.get("/none")).words
    assert 'href="/console/workspaces"' in (await operator.get("/app/none/webhooks")).text
    nobody = await browser.get("/none")
    assert (nobody.status, "Sign out" in nobody.words) == (404, False)
