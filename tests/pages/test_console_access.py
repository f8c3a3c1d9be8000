"""Who gets into the console, how far, and for how long: in a browser, as attackers try it too."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import expect

from hookseal_sender.links import Links
from hookseal_sender.visits import Visit, Visits
from tests.pages.axe import assert_accessible
from tests.pages.browsing import PLAIN_HOST
from tests.pages.consoling import CONTACT, benches
from tests.pages.https import https
from tests.ports import free_port

pytestmark = pytest.mark.acceptance
_FRAMED = "http://127.0.0.1:{endpoints}"  # may frame the console; localhost may not


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with benches(tmp_path_factory.mktemp("console"), frame_origins=_FRAMED) as one:
        yield one


@pytest.fixture
def workspace(bench):
    return bench.workspace()


@pytest.fixture
def operator(bench, browsing):
    """A page of an operator who is signed in; it shares no cookies with ``page``."""
    return bench.enter(browsing.open())


@pytest.fixture
def key(bench):
    """The key that signs links and cookies."""
    return bytes.fromhex(Path(f"{bench.database}.token-key").read_text().strip())


def is_let_in(page, workspace):
    expect(page.get_by_role("heading", name="Webhooks", exact=True)).to_be_visible()
    expect(page).to_have_url(workspace.url("webhooks"))


def is_signed_out(page):
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


# --- the gate ---------------------------------------------------------------------------------


def test_another_plan_shows_what_is_missing_and_whom_to_ask(operator, bench):
    page, workspace = operator, bench.workspace("Tiny Ltd", plan="starter")
    for rest in ("", "/new", "/ep_1", "/ep_1/logs", "/ep_1/logs/msg_1"):
        page.goto(workspace.url(f"webhooks{rest}"))
        expect(page.get_by_text("They are part of the Enterprise plan")).to_be_visible()
        expect(page.get_by_text("this workspace is on starter")).to_be_visible()
        link = page.get_by_role("link", name=CONTACT)
        expect(link).to_have_attribute("href", f"mailto:{CONTACT}")

    page.get_by_role("link", name="change the plan").click()
    expect(page.get_by_label("Name of the plan")).to_be_focused()
    page.get_by_label("Name of the plan").fill("enterprise")
    page.get_by_role("button", name="Change the plan").click()
    page.get_by_role("link", name="Webhooks", exact=True).click()
    expect(page.get_by_text("No webhooks yet")).to_be_visible()


def test_a_customer_whose_plan_ends_meets_the_gate(page, workspace, bench):
    link, _ = workspace.link()
    page.goto(link)
    is_let_in(page, workspace)
    bench.api.patch(f"/app/{workspace.id}", json={"plan": "starter"}).raise_for_status()
    page.reload()
    expect(page.get_by_role("link", name=CONTACT)).to_be_visible()
    expect(page.get_by_role("link", name="change the plan")).to_have_count(0)


# --- magic links ------------------------------------------------------------------------------


def test_a_link_lets_a_customer_into_one_workspace(page, bench, workspace, browsing):
    browsing.expect("status of 404")
    other = bench.workspace("Other AG")
    secret_of_other = other.webhook(bench.endpoints.place().url)
    link, _ = workspace.link()
    page.goto(link)
    is_let_in(page, workspace)
    assert link.rpartition("/")[2] not in page.url
    for url in (
        other.url(),
        other.url("webhooks"),
        other.url("webhooks", "new"),
        secret_of_other.url(),
        secret_of_other.url("logs"),
        workspace.url("webhooks", secret_of_other.id),
    ):
        answer = page.goto(url)
        assert answer.status == 404
        expect(page.get_by_text("There is nothing here, or it is somebody else's")).to_be_visible()
    page.goto(f"{bench.console}/workspaces")
    is_signed_out(page)


def test_a_customer_makes_webhooks_and_has_nothing_of_an_operators(page, bench, workspace):
    page.goto(workspace.link()[0])
    page.get_by_role("link", name="Create Webhook").first.click()
    page.get_by_label("Name", exact=True).fill("Mine")
    page.get_by_label("URL").fill(bench.endpoints.place().url)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Webhook created")).to_be_visible()

    page.get_by_role("link", name="General").click()
    expect(page.get_by_role("heading", name="Acme GmbH")).to_be_visible()
    expect(page.get_by_role("link", name="Workspaces")).to_have_count(0)
    for words in ("Make a link", "Change the plan", "Revoke"):
        expect(page.get_by_role("button", name=words)).to_have_count(0)
    with httpx2.Client(trust_env=False) as http:
        for cookie in page.context.cookies():
            http.cookies.set(cookie["name"], cookie["value"])
        form = http.get(workspace.url("webhooks", "new")).text
        token = re.search(r'name="csrf" value="([^"]+)"', form)[1]
        for rest in ("plan", "link", "link/revoke"):
            made = http.post(workspace.url(rest), data={"csrf": token, "plan": "free"})
            assert made.headers["location"] == "/console/sign-in"
    assert bench.api.get(f"/app/{workspace.id}").json()["plan"] == "enterprise"


def test_a_link_of_the_console_works_until_it_is_revoked(page, operator, workspace):
    operator.goto(workspace.url())
    operator.get_by_label("It works for").select_option("one hour")
    operator.get_by_role("button", name="Make a link").click()
    link = operator.locator("#magic-link").text_content()
    assert_accessible(operator)
    page.goto(link)
    is_let_in(page, workspace)
    operator.get_by_role("button", name="Revoke it").click()
    expect(operator.get_by_text("The link was revoked")).to_be_visible()
    page.reload()
    is_signed_out(page)


def test_a_link_is_revoked_by_pasting_it(page, operator, workspace, bench, browsing):
    browsing.expect("status of (401|422)")
    link, _ = workspace.link()
    foreign, _ = bench.workspace().link()
    operator.goto(workspace.url())
    operator.get_by_text("Revoke a link").click()
    for wrong in ("nonsense", foreign):
        operator.get_by_label("The link, all of it").fill(wrong)
        operator.get_by_role("button", name="Revoke").click()
        described = re.compile("This is no link of this workspace")
        field = operator.get_by_label("The link, all of it")
        expect(field).to_have_accessible_description(described)
    assert_accessible(operator)
    operator.get_by_label("The link, all of it").fill(link)
    operator.get_by_role("button", name="Revoke").click()
    expect(operator.get_by_text("The link was revoked")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name="This link does not work.")).to_be_visible()
    page.goto(foreign)
    expect(page.get_by_role("heading", name="Webhooks", exact=True)).to_be_visible()


def test_giving_up_its_token_ends_a_link_and_its_sessions(page, workspace, bench, browsing):
    browsing.expect("status of 401")
    link, token = workspace.link()
    page.goto(link)
    is_let_in(page, workspace)
    bearer = {"authorization": f"Bearer {token}"}
    bench.api.post("/auth/logout", headers=bearer).raise_for_status()
    page.reload()
    is_signed_out(page)
    page.goto(link)
    expect(page.get_by_role("heading", name="This link does not work.")).to_be_visible()
    assert_accessible(page)


def test_links_that_ended_or_were_made_up_are_refused(page, workspace, bench, key, browsing):
    browsing.expect("status of 401")
    link, _ = workspace.link()
    base, sealed = link.rsplit("/", 1)
    scope = Links(bench.base, [key]).made_for(link)
    ended = Links(bench.base, [key]).make(scope, expires=int(time.time()) - 1)
    forged = Links(bench.base, [b"x" * 32]).make(scope, expires=int(time.time()) + 60)
    session = Visits([key], "customer").seal(Visit(scope=scope, expires=int(time.time()) + 60))
    expired, broken = "This link has expired.", "This link does not work."
    for url, words in {
        ended: expired,
        forged: broken,
        f"{base}/{sealed[:-1]}{'A' if sealed[-1] != 'A' else 'B'}": broken,
        f"{base}/x{sealed}": broken,
        f"{base}/{session}": broken,  # what is good for a cookie is no link
        f"{base}/{'x' * 5000}": broken,
    }.items():
        assert page.goto(url).status == 401
        expect(page.get_by_role("heading", name=words)).to_be_visible()
        expect(page.get_by_text("ask for a new one")).to_be_visible()
        assert page.context.cookies() == []


def test_sessions_end_with_their_time(page, workspace, bench, key):
    scope = Links(bench.base, [key]).made_for(workspace.link()[0])
    now = int(time.time())
    for expires, let_in in ((now + 60, True), (now - 1, False)):
        cookie = Visits([key], "customer").seal(Visit(scope=scope, expires=expires))
        page.context.add_cookies(
            [{"name": "hookseal_customer", "value": cookie, "url": bench.base}]
        )
        page.goto(workspace.url("webhooks"))
        (is_let_in(page, workspace) if let_in else is_signed_out(page))


def test_signing_out_and_in_leads_back(page, bench, workspace):
    page.goto(workspace.url("webhooks", "new"))
    is_signed_out(page)
    page.get_by_label("API token of your organisation").fill(bench.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(workspace.url("webhooks", "new"))
    page.get_by_role("button", name="Sign out").click()
    is_signed_out(page)
    page.goto(workspace.url("webhooks"))
    is_signed_out(page)


def test_over_plain_http_under_any_name(page, bench, browsing):
    """There browsers send no Sec-Fetch-Site, and Origin says where a form comes from."""
    browsing.expect("Cross-Origin-Opener-Policy header has been ignored")
    page.goto(f"{bench.console}/sign-in".replace("127.0.0.1", PLAIN_HOST))
    page.get_by_label("API token of your organisation").fill(bench.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    page.get_by_label("Name").fill("Made over HTTP")
    page.get_by_role("button", name="Make").click()
    expect(page.get_by_text("No webhooks yet")).to_be_visible()


def test_a_copied_cookie_is_worth_nothing_once_its_owner_signed_out(page, bench, browsing):
    page.goto(f"{bench.console}/sign-in")
    page.get_by_label("API token of your organisation").fill(bench.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    thief = browsing.open()
    thief.context.add_cookies(page.context.cookies())
    thief.goto(f"{bench.console}/workspaces")
    expect(thief.get_by_role("heading", name="Workspaces")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    is_signed_out(page)
    thief.reload()
    is_signed_out(thief)


# --- frames -----------------------------------------------------------------------------------


def framing(bench, url):
    """Put the URL in a frame of a page elsewhere; return that page's path."""
    bench.endpoints.pages["/frame"] = f'<iframe src="{url}" width="1000" height="700"></iframe>'
    return "/frame"


def test_an_allowed_origin_shows_it_in_a_frame(page, bench, workspace):
    path = framing(bench, workspace.link()[0])
    page.goto(f"http://127.0.0.1:{bench.endpoints.port}{path}")
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="Create Webhook").first.click()
    frame.get_by_label("Name", exact=True).fill("Framed")
    frame.get_by_label("URL").fill(bench.endpoints.place().url)
    frame.get_by_role("button", name="Save").click()
    expect(frame.get_by_role("heading", name="Webhook created")).to_be_visible()


def test_another_origin_gets_no_frame(page, bench, workspace, browsing):
    browsing.expect("frame-ancestors|ERR_BLOCKED_BY_RESPONSE")
    path = framing(bench, workspace.link()[0])
    with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
        page.goto(f"http://localhost:{bench.endpoints.port}{path}")
    expect(page.frame_locator("iframe").get_by_text("Webhooks")).to_have_count(0)


def test_another_site_shows_it_over_https(browsing, tmp_path):
    port = free_port()
    public_url = f"https://127.0.0.1:{port}"
    settings = {"public_url": public_url, "frame_origins": "http://localhost:{endpoints}"}
    with benches(tmp_path, **settings) as bench:
        workspace = bench.workspace()
        link, _ = workspace.link()
        assert link.startswith(public_url)
        with https(port, int(bench.base.rpartition(":")[2]), tmp_path):
            page = browsing.open(ignore_https_errors=True)
            page.goto(f"http://localhost:{bench.endpoints.port}{framing(bench, link)}")
            frame = page.frame_locator("iframe")
            frame.get_by_role("link", name="Create Webhook").first.click()
            frame.get_by_role("button", name="Test in Play").click()
            expect(frame.get_by_label("URL")).to_have_value(re.compile(f"^{public_url}/play/in/"))
            (cookie,) = page.context.cookies()
            assert (cookie["secure"], cookie["httpOnly"]) == (True, True)
            assert (cookie["sameSite"], cookie["partitionKey"]) == ("None", "http://localhost")

            page.goto(link)  # not in a frame
            expect(page.get_by_role("heading", name="Webhooks", exact=True)).to_be_visible()
            alone = next(each for each in page.context.cookies() if "partitionKey" not in each)
            assert (alone["secure"], alone["sameSite"]) == (True, "Lax")
            page.goto("about:blank")


# --- forms of others --------------------------------------------------------------------------


def planting(bench, action, **fields):
    """Put a form that sends itself on a page elsewhere; return that page's path."""
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    bench.endpoints.pages["/form"] = (
        f'<form method="post" action="{action}">{inputs}</form><script>document.forms[0].submit()'
        "</script>"
    )
    return "/form"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_form_from_elsewhere_is_refused_though_its_token_was_stolen(
    operator, bench, workspace, browsing, host
):
    browsing.expect("status of 403")
    page = operator
    page.goto(workspace.url())
    token = page.locator("input[name=csrf]").first.get_attribute("value")
    path = planting(bench, workspace.url("plan"), csrf=token, plan="free")
    page.goto(f"http://{host}:{bench.endpoints.port}{path}")
    if host == "127.0.0.1":  # of the same site: the cookie comes along
        expect(page.get_by_text("The form was not sent by a page of this site")).to_be_visible()
    else:  # it does not, and all that is left is a look at the start
        expect(page.get_by_role("heading", name="Workspaces", exact=True)).to_be_visible()
    assert bench.api.get(f"/app/{workspace.id}").json()["plan"] == "enterprise"


@pytest.mark.parametrize("token", ["", "9999999999.00"])
def test_a_form_without_our_token_is_refused(operator, bench, workspace, browsing, token):
    browsing.expect("status of 403")
    page = operator
    page.goto(workspace.url())
    page.evaluate(
        "token => document.querySelector('[action$=plan] [name=csrf]').value = token", token
    )
    page.get_by_label("Name of the plan").fill("free")
    page.get_by_role("button", name="Change the plan").click()
    expect(page.get_by_text("The form is too old")).to_be_visible()
    assert_accessible(page)
    assert bench.api.get(f"/app/{workspace.id}").json()["plan"] == "enterprise"


def test_the_token_of_one_session_is_none_of_anothers(operator, page, bench, workspace, browsing):
    browsing.expect("status of 403")
    page.goto(workspace.link()[0])
    page.get_by_role("link", name="Create Webhook").first.click()
    mine = page.locator("form.form input[name=csrf]").get_attribute("value")
    operator.goto(workspace.url("webhooks", "new"))
    operator.evaluate(
        "token => document.querySelector('form.form [name=csrf]').value = token", mine
    )
    operator.get_by_role("button", name="Save").click()
    expect(operator.get_by_text("The form is too old")).to_be_visible()


# --- what goes over the wire ------------------------------------------------------------------


def test_cookies_and_headers_of_every_page(page, bench, workspace):
    answers = []
    page.on("response", lambda each: answers.append(each))  # noqa: PLW0108 # it marks the function
    webhook = workspace.webhook(bench.endpoints.place().url)
    page.goto(workspace.link()[0])
    for rest in ("", "/new", f"/{webhook.id}", f"/{webhook.id}/edit", f"/{webhook.id}/logs"):
        page.goto(workspace.url(f"webhooks{rest}"))
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/console")
    assert page.evaluate("document.cookie") == ""
    assert len(answers) > 6
    for answer in answers:
        fields = answer.headers
        policy = fields["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert (fields["x-content-type-options"], fields["referrer-policy"]) == (
            "nosniff",
            "same-origin",
        )
        if answer.request.resource_type == "document":
            assert fields["cache-control"] == "no-store"
