"""Who gets in, for how long, and where they are led."""

import time

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.console.signing_in import _TARGET
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.tokens import TokenKey
from hookseal_sender.visits import Visit, Visits
from tests.sample_sender.console.conftest import HTTPS_URL, KEYS, OTHER_ORGANISATION, Page

pytestmark = pytest.mark.anyio
HOUR = 3600


def cookies_of(page):
    """What is set: name to value and attributes."""
    found = {}
    for cookie in page.cookies:
        pair, *attributes = cookie.split("; ")
        name, _, value = pair.partition("=")
        found[name] = (value, attributes)
    return found


# --- operators ---------------------------------------------------------------------------------


async def test_a_token_lets_an_operator_in(browser, token_of):
    assert (await browser.get("/")).to == "/sign-in"
    signed_in = await browser.submit("/sign-in", token=f" {token_of()} \n")
    assert (signed_in.status, signed_in.to) == (303, "/workspaces")
    assert (await browser.get("/workspaces")).status == 200
    assert (await browser.get("/")).to == "/workspaces"


async def test_garbage_is_no_token(browser):
    for token in ("", "x", "a.b.c", "é\0", "x" * 5000):
        refused = await browser.submit("/sign-in", token=token)
        assert (refused.status, list(refused.faults), refused.cookies) == (422, ["token"], [])


async def test_a_token_of_one_application_is_none_of_an_operator(browser, token_of, app):
    refused = await browser.submit("/sign-in", token=token_of(app_id=app.id))
    assert (refused.status, refused.cookies) == (422, [])
    assert "organisation" in refused.faults["token"]


async def test_a_token_that_has_ended_or_was_revoked_lets_nobody_in(
    browser, token_of, store, clock
):
    short = token_of(expires_in=60)
    scope = Scope(org_id=DEFAULT_ORGANISATION, token_id="tok_" + "1" * 27)
    key = TokenKey(b"k" * 32)
    revoked = key.issue(scope, now=int(clock()))
    await store.revoke_token(scope.token_id, clock.now_ms + 10**9)
    foreign = token_of(key=TokenKey(b"x" * 32))
    clock.advance(61)
    for token in (short, revoked, foreign):
        refused = await browser.submit("/sign-in", token=token)
        assert (refused.status, refused.cookies) == (422, [])


async def test_revoking_a_token_ends_the_session_it_began(browser, store, clock, token_of):
    scope = Scope(org_id=DEFAULT_ORGANISATION, token_id="tok_" + "1" * 27)
    token = TokenKey(b"k" * 32).issue(scope, now=int(clock()))
    await browser.submit("/sign-in", token=token)
    assert (await browser.get("/workspaces")).status == 200
    await store.revoke_token(scope.token_id, clock.now_ms + 10**9)
    assert (await browser.get("/workspaces")).to == "/sign-in?next=/workspaces"


@pytest.mark.parametrize(("lasts", "session"), [(60, 60), (10 * 24 * HOUR, 12 * HOUR)])
async def test_a_session_ends_with_its_token_and_after_half_a_day(
    browser, token_of, clock, lasts, session
):
    signed_in = await browser.submit("/sign-in", token=token_of(expires_in=lasts))
    (_, attributes) = cookies_of(signed_in)["hookseal_operator"]
    assert f"Max-Age={session}" in attributes
    clock.advance(session - 1)
    assert (await browser.get("/workspaces")).status == 200
    clock.advance(1)
    assert (await browser.get("/workspaces")).status == 303


async def test_who_is_signed_in_is_not_asked_again(operator):
    assert (await operator.get("/sign-in")).to == "/workspaces"
    assert (await operator.get("/sign-in?next=/app/a/webhooks")).to == "/app/a/webhooks"


async def test_signing_out_forgets_both_kinds(operator, link_of, app):
    await operator.get(link_of(app)[0])
    out = await operator.post("/sign-out")
    assert out.to == "/sign-in"
    assert set(cookies_of(out)) == {"hookseal_operator", "hookseal_customer"}
    assert (await operator.get(f"/app/{app.id}")).status == 303


async def test_signing_out_ends_the_session_on_every_server(
    operator, browser, link_of, app, make_console, open_browser
):
    await operator.get(link_of(app)[0])
    cookies = dict(operator.client.cookies)
    assert set(cookies) == {"hookseal_operator", "hookseal_customer"}
    path = f"/app/{app.id}/webhooks"
    for name, value in cookies.items():
        assert await ask_with(browser, path, **{name: value}) == 200
    await operator.post("/sign-out")
    for elsewhere in (browser, open_browser(make_console())):
        for name, value in cookies.items():
            assert await ask_with(elsewhere, path, **{name: value}) == 303


async def test_signing_out_ends_no_other_session(browser, open_browser, link_of, app, token_of):
    link, token = link_of(app)[0], token_of()
    others = [open_browser(), open_browser()]
    for each in (browser, others[0]):
        await each.get(link)
    for each in (browser, others[1]):
        assert (await each.submit("/sign-in", token=token)).status == 303
    await browser.post("/sign-out")
    for other in others:
        assert (await other.get(f"/app/{app.id}/webhooks")).status == 200
    assert (await browser.get(link)).status == 303
    assert (await browser.submit("/sign-in", token=token)).status == 303
    assert (await browser.get("/workspaces")).status == 200


async def test_who_is_not_signed_in_can_sign_out(browser, seal):
    assert (await browser.post("/sign-out")).to == "/sign-in"
    odd = {"cookie": f"hookseal_operator={seal()}; hookseal_customer=x"}
    assert (await browser.post("/sign-out", headers=odd)).to == "/sign-in"


# --- where they are led ------------------------------------------------------------------------

ELSEWHERE = [
    "//evil.example", "///evil.example", "\\\\evil.example", "/\\evil.example", "\\/evil.example",
    "https:evil.example", "https://evil.example", "https:/evil.example", "http://evil.example/",
    "javascript:alert(1)", "data:text/html,x", "evil.example", "@evil.example", ".evil.example",
    "/%2fevil.example", "/%2f%2fevil.example", "/%5cevil.example", "%2f%2fevil.example",
    "/\tevil.example", "/\n/evil.example", "\t//evil.example", " //evil.example",
    "/a//evil.example", "/a\\evil", "/a?next=//evil", "/a#//evil", "/a;b", "/\u2044evil",
    "/..", "/../", "/../play", "/.", "/./", "/a/../../play", "/a/..", "/a/.", "/..//evil.example",
    "/%2e%2e/play", "/a\r\nset-cookie: x=y", "/a\0", "/é", "/", "", "/:evil", "/a@b",
]  # fmt: skip


async def test_next_never_leads_off_the_console(open_browser, operator, token_of):
    for target in ELSEWHERE:
        signed_in = await open_browser().submit("/sign-in", token=token_of(), next=target)
        assert signed_in.answer.headers["location"] == "/console/workspaces", target
        there = await operator.get("/sign-in", params={"next": target})
        assert there.answer.headers["location"] == "/console/workspaces", target


async def test_next_leads_to_a_page_of_the_console(operator):
    for target in ("/workspaces", "/app/app_1/webhooks/ep_2/logs", "/a/", "/..a"):
        assert (await operator.get("/sign-in", params={"next": target})).to == target


@given(st.text() | st.text("/.a\\%:", max_size=20).map("/".__add__))
def test_a_path_that_is_led_to_climbs_nowhere(target):
    if _TARGET.fullmatch(target):
        parts = target.split("/")[1:]
        assert not {".", ".."} & set(parts)
        assert "" not in parts[:-1]
        assert set(target) <= set("/.~_-") | {each for each in target if each.isalnum()}


@pytest.mark.parametrize("target", ["/" + "a" * 100_000 + "!", "/a" * 50_000 + "!", "/" * 100_000])
def test_a_long_path_takes_no_long_time(target):
    begun = time.process_time()
    assert _TARGET.fullmatch(target) is None
    assert time.process_time() - begun < 10  # of the processor; squared, it takes minutes


async def test_where_somebody_wanted_to_go_is_asked_for_and_kept(browser, app, token_of):
    page = await browser.get(f"/app/{app.id}/webhooks?x=y")
    assert page.to == f"/sign-in?next=/app/{app.id}/webhooks"
    door = await browser.get(page.to)
    fields = {"csrf": door.csrf, "token": "bad", "next": f"/app/{app.id}/webhooks"}
    again = await browser.post("/sign-in", fields)
    assert f'name="next" value="/app/{app.id}/webhooks"' in again.text
    signed_in = await browser.post("/sign-in", {**fields, "token": token_of()})
    assert signed_in.to == f"/app/{app.id}/webhooks"


async def test_a_form_is_not_what_somebody_is_led_to(browser, app):
    assert (await browser.post(f"/app/{app.id}/plan")).to == "/sign-in"


# --- customers ---------------------------------------------------------------------------------


async def test_a_link_lets_a_customer_into_one_workspace(browser, link_of, app, make_application):
    opened = await browser.get(link_of(app)[0])
    assert (opened.status, opened.to) == (303, f"/app/{app.id}/webhooks")
    assert (await browser.get(opened.to)).status == 200
    assert (await browser.get("/")).to == opened.to
    other = await make_application()
    assert (await browser.get(f"/app/{other.id}/webhooks")).status == 404
    assert (await browser.get("/workspaces")).to == "/sign-in?next=/workspaces"


async def test_a_link_has_an_end_and_so_has_its_session(browser, open_browser, link_of, app, clock):
    link, _ = link_of(app, seconds=60)
    await browser.get(link)
    clock.advance(59)
    assert (await browser.get(f"/app/{app.id}/webhooks")).status == 200
    clock.advance(1)
    assert (await browser.get(f"/app/{app.id}/webhooks")).status == 303
    late = await open_browser().get(link)
    assert (late.status, late.cookies) == (401, [])
    assert "expired" in late.words


async def test_a_revoked_link_and_its_sessions_are_over(customer, link_of, app, store, clock):
    link, scope = link_of(app)
    await customer.get(link)
    await store.revoke_token(scope.token_id, clock.now_ms + 10**9)
    assert (await customer.get(f"/app/{app.id}/webhooks")).status == 303
    again = await customer.get(link)
    assert (again.status, again.cookies) == (401, [])
    assert "does not work" in again.words


async def test_a_link_without_an_id_cannot_be_revoked_and_works(browser, links, app, clock):
    scope = Scope(org_id=app.org_id, app_id=app.id)
    link = links.make(scope, expires=int(clock()) + 60)
    assert (await browser.get(f"/link/{link.rpartition('/')[2]}")).status == 303
    assert (await browser.get(f"/app/{app.id}")).status == 200


async def test_garbage_is_no_link(browser):
    for sealed in ("x", "a.b.c", "x" * 2000, "%00", "%ff", "é"):
        page = await browser.get(f"/link/{sealed}")
        assert (page.status, page.cookies) == (401, [])


async def test_an_operator_sees_their_own_where_both_are_signed_in(operator, link_of, app):
    await operator.get(link_of(app)[0])
    assert (await operator.get("/")).to == "/workspaces"
    assert "Let the customer in" in (await operator.get(f"/app/{app.id}")).words


async def test_a_link_opens_what_an_operators_session_does_not_cover(sign_in, link_of, app):
    browser = await sign_in(org_id=OTHER_ORGANISATION)
    assert (await browser.get(f"/app/{app.id}/webhooks")).status == 404
    page = await browser.get(link_of(app)[0])
    assert (await browser.get(page.to)).status == 200
    assert (await browser.get("/workspaces")).status == 200
    browser.form_page = f"/app/{app.id}/webhooks/new"
    refused = await browser.submit(f"/app/{app.id}/plan", plan="free")
    assert refused.to == "/sign-in"
    made = await browser.submit(f"/app/{app.id}/webhooks/new", do="play")
    assert made.status == 200


# --- cookies -----------------------------------------------------------------------------------


@pytest.fixture
def seal(clock):
    def make(app=None, purpose="operator", keys=KEYS, org_id=DEFAULT_ORGANISATION):
        scope = Scope(org_id=org_id, app_id=app and app.id)
        return Visits(keys, purpose).seal(Visit(scope=scope, expires=int(clock()) + HOUR))

    return make


async def ask_with(browser, path, **cookies):
    text = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return (await browser.get(path, headers={"cookie": text})).status


async def test_a_visit_is_good_for_its_purpose_alone(browser, app, seal):
    path = f"/app/{app.id}/webhooks"
    assert await ask_with(browser, path, hookseal_customer=seal(app, "customer")) == 200
    assert await ask_with(browser, path, hookseal_operator=seal()) == 200
    for purpose in ("link", "operator"):
        assert await ask_with(browser, path, hookseal_customer=seal(app, purpose)) == 303
    for purpose in ("link", "customer"):
        assert await ask_with(browser, path, hookseal_operator=seal(None, purpose)) == 303
        assert await ask_with(browser, "/workspaces", hookseal_operator=seal(app, purpose)) == 303
    assert await ask_with(browser, "/workspaces", hookseal_operator=seal(app)) == 303
    for purpose in ("customer", "operator"):
        assert (await browser.get(f"/link/{seal(app, purpose)}")).status == 401


async def test_what_an_older_key_sealed_opens(browser, app, seal):
    path = f"/app/{app.id}/webhooks"
    older = seal(app, "customer", keys=KEYS[1:])
    assert await ask_with(browser, path, hookseal_customer=older) == 200
    unknown = seal(app, "customer", keys=[b"z" * 32])
    assert await ask_with(browser, path, hookseal_customer=unknown) == 303
    assert await ask_with(browser, path, hookseal_customer=unknown, hookseal_operator=older) == 303


async def test_an_operator_of_another_organisation_sees_nothing(sign_in, app):
    other = await sign_in(org_id=OTHER_ORGANISATION)
    assert (await other.get(f"/app/{app.id}")).status == 404
    assert "Acme" not in (await other.get("/workspaces")).text


async def test_a_cookie_is_for_this_site_and_no_script(browser, link_of, app, token_of):
    pages = [await browser.get(link_of(app)[0]), await browser.submit("/sign-in", token=token_of())]
    for page in pages:
        ((value, attributes),) = cookies_of(page).values()
        assert value
        assert {"HttpOnly", "SameSite=Lax", "Path=/console"} <= set(attributes)
        assert not {"Secure", "Partitioned"} & set(attributes)


async def test_on_https_a_cookie_is_for_https(open_browser, make_console, link_of, app):
    behind_a_proxy = open_browser(make_console(public_url=HTTPS_URL))
    direct = open_browser(base_url=HTTPS_URL)
    for browser in (behind_a_proxy, direct):
        ((_, attributes),) = cookies_of(await browser.get(link_of(app)[0])).values()
        assert {"HttpOnly", "SameSite=Lax", "Secure"} <= set(attributes)
        assert "Partitioned" not in attributes


FRAMED = {"sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site"}


async def test_in_a_frame_a_cookie_is_for_that_frame_alone(
    open_browser, make_console, link_of, app
):
    framing = make_console(public_url=HTTPS_URL, frame_origins=("https://app.example",))
    browser = open_browser(framing, base_url=HTTPS_URL)
    page = await browser.get(link_of(app)[0], headers=FRAMED)
    ((_, attributes),) = cookies_of(page).values()
    assert {"HttpOnly", "SameSite=None", "Secure", "Partitioned"} <= set(attributes)
    inside = await browser.get(page.to, headers=FRAMED)
    assert inside.status == 200
    out = await browser.post("/sign-out", headers={**FRAMED, "sec-fetch-site": "same-origin"})
    for value, attributes in cookies_of(out).values():
        assert value == ""
        assert {"SameSite=None", "Secure", "Partitioned", "Max-Age=0"} <= set(attributes)


async def test_without_https_no_cookie_crosses_sites(browser, link_of, app):
    page = await browser.get(link_of(app)[0], headers=FRAMED)
    ((_, attributes),) = cookies_of(page).values()
    assert "SameSite=Lax" in attributes


async def test_only_an_allowed_origin_may_show_the_pages_in_a_frame(open_browser, make_console):
    def policy(page):
        return page.answer.headers["content-security-policy"]

    page = await open_browser().get("/sign-in")
    assert "frame-ancestors 'none'" in policy(page)
    assert page.answer.headers["x-frame-options"] == "DENY"
    framing = make_console(frame_origins=("https://app.example",))
    page = await open_browser(framing).get("/sign-in")
    assert "frame-ancestors https://app.example" in policy(page)
    assert "x-frame-options" not in page.answer.headers


async def test_at_the_root_of_a_host_a_cookie_is_for_all_of_it(make_console, link_of, app):
    (mount, _) = make_console().routes
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(mount.app), base_url="http://console.example"
    ) as client:
        page = Page(await client.get(link_of(app)[0]))
        ((_, attributes),) = cookies_of(page).values()
        assert "Path=/" in attributes
        assert page.answer.headers["location"] == f"/app/{app.id}/webhooks"
        assert (await client.get(f"/app/{app.id}/webhooks")).status_code == 200
