"""Workspaces as operators see them: listed, made, put on a plan, and opened to their customer."""

import re

import pytest

from hookseal_sender.console import workspaces
from hookseal_sender.links import Links, new_scope
from hookseal_sender.model import DEFAULT_ORGANISATION, ApplicationDraft, Scope
from hookseal_sender.store import PageRequest
from tests.sample_sender.console.conftest import KEYS, OTHER_ORGANISATION, PUBLIC_URL

pytestmark = pytest.mark.anyio
LINK = re.compile(rf'<code id="magic-link">{re.escape(PUBLIC_URL)}/console(/link/[^<]+)<')


@pytest.fixture
def apps(store):
    async def apps():
        return (await store.applications(DEFAULT_ORGANISATION, PageRequest())).items

    return apps


async def test_a_list_has_pages_newest_first(operator, make_application, clock, monkeypatch):
    assert "No workspaces yet" in (await operator.get("/workspaces")).words
    monkeypatch.setattr(workspaces, "_LISTED", 2)
    for name in ("one", "two", "three"):
        await make_application(name=name, uid=f"uid-{name}")
        clock.advance(1)
    await make_application(OTHER_ORGANISATION, name="foreign")
    names = re.compile(r'/webhooks">(\w+)</a>')
    first = await operator.get("/workspaces")
    assert names.findall(first.text) == ["three", "two"]
    (older,) = re.findall(r'href="/console(/workspaces\?behind=[^"]+)"', first.text)
    last = await operator.get(older)
    assert names.findall(last.text) == ["one"]
    assert "behind=" not in last.text


async def test_a_workspace_is_made(operator, apps):
    page = await operator.submit("/workspaces", name=" Acme ", uid=" acme ")
    (app,) = await apps()
    assert page.to == f"/app/{app.id}/webhooks"
    assert (app.name, app.uid, app.plan) == ("Acme", "acme", "enterprise")
    await operator.submit("/workspaces", name="No uid", uid=" ")
    assert {each.uid for each in await apps()} == {"acme", None}


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"name": ""}, {"name"}),
        ({"name": "x" * 257}, {"name"}),
        ({"name": "a\0"}, {"name"}),
        ({"name": "n", "uid": "a b"}, {"uid"}),
        ({"name": "n", "uid": "app_x"}, {"uid"}),
        ({"name": "n", "uid": "acme"}, {"uid"}),
        ({"name": " ", "uid": "é"}, {"name", "uid"}),
    ],
)
async def test_a_fault_is_beside_its_field(operator, app, apps, fields, faults):
    page = await operator.submit("/workspaces", **fields)
    assert (page.status, set(page.faults)) == (422, faults)
    assert [each.id for each in await apps()] == [app.id]


async def test_a_plan_is_changed_and_nothing_else(operator, store):
    draft = ApplicationDraft(name="Acme", uid="acme", throttle_rate=5, metadata={"a": "b"})
    app = await store.create_application(DEFAULT_ORGANISATION, draft)
    for plan in ("free", "enterprise"):
        page = await operator.submit(f"/app/{app.id}/plan", plan=f" {plan} ")
        assert page.to == f"/app/{app.id}"
        found = await store.application(Scope(org_id=DEFAULT_ORGANISATION), app.id)
        assert (found.plan, found.name, found.uid) == (plan, "Acme", "acme")
        assert (found.throttle_rate, found.metadata) == (5, {"a": "b"})
    for bad in ("", " ", "x" * 65, "a\0"):
        page = await operator.submit(f"/app/{app.id}/plan", plan=bad)
        assert (page.status, set(page.faults)) == (422, {"plan"})


@pytest.mark.parametrize(("hours", "lasts"), [("1", 1), ("24", 24), ("168", 168), ("x", 168)])
async def test_a_link_is_made_shown_once_and_lasts(
    operator, open_browser, app, clock, hours, lasts
):
    page = await operator.submit(f"/app/{app.id}/link", hours=hours)
    (link,) = LINK.findall(page.text)
    assert LINK.findall((await operator.get(f"/app/{app.id}")).text) == []
    clock.advance(lasts * 3600 - 1)
    assert (await open_browser().get(link)).status == 303
    clock.advance(1)
    assert (await open_browser().get(link)).status == 401


async def test_a_link_needs_the_plan(operator, make_application):
    app = await make_application(plan="free")
    page = await operator.submit(f"/app/{app.id}/link", hours="1")
    assert (page.status, set(page.faults), LINK.findall(page.text)) == (422, {"hours"}, [])


async def test_a_link_is_revoked_with_the_sessions_it_began(operator, open_browser, app):
    page = await operator.submit(f"/app/{app.id}/link", hours="1")
    (link,) = LINK.findall(page.text)
    customer = open_browser()
    await customer.get(link)
    assert (await customer.get(f"/app/{app.id}")).status == 200
    whole = f" {PUBLIC_URL}/console{link}\n"
    revoked = await operator.submit(f"/app/{app.id}/link/revoke", link=whole)
    assert (revoked.status, revoked.faults) == (200, {})
    assert (await customer.get(f"/app/{app.id}")).status == 303
    assert (await open_browser().get(link)).status == 401


async def test_a_link_that_has_ended_or_was_made_with_an_older_key_is_revoked(
    operator, app, store, clock
):
    for keys, ends in ((KEYS, -1), (KEYS[1:], 60)):
        scope = new_scope(app, clock.now_ms)
        link = Links(PUBLIC_URL, keys).make(scope, expires=int(clock()) + ends)
        page = await operator.submit(f"/app/{app.id}/link/revoke", link=link)
        assert page.faults == {}
        assert await store.token_revoked(scope.token_id)


async def test_only_a_link_of_the_workspace_is_revoked(
    operator, app, make_application, links, clock, store
):
    other = new_scope(await make_application(), clock.now_ms)
    expires = int(clock()) + 60
    without_id = Scope(org_id=app.org_id, app_id=app.id)
    foreign = Links(PUBLIC_URL, [b"x" * 32]).make(new_scope(app, clock.now_ms), expires=expires)
    for link in (
        "", "x", f"{PUBLIC_URL}/console/link/", "x" * 5000, "é", foreign,
        links.make(other, expires=expires), links.make(without_id, expires=expires),
    ):  # fmt: skip
        page = await operator.submit(f"/app/{app.id}/link/revoke", link=link)
        assert (page.status, set(page.faults)) == (422, {"link"}), link
    assert not await store.token_revoked(other.token_id)


async def test_a_workspace_shows_its_plan_and_ids(operator, customer, app, make_application):
    for browser in (operator, customer):
        page = await browser.get(f"/app/{app.id}")
        assert {app.id, "acme", "enterprise"} <= set(page.words.replace(",", "").split())
    bare = await make_application(name="Bare")
    assert "Uid" not in (await operator.get(f"/app/{bare.id}")).words
