"""Play in a browser: from making a URL to sending a request again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest
from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hookseal.asgi import WebhookMiddleware
from tests.pages.axe import assert_accessible
from tests.pages.browsing import (
    assert_fits,
    on_a_phone,
    screenshot,
    tab_to,
    without_javascript,
)
from tests.pages.playing import SECRET, Sender, benches
from tests.ports import free_port
from tests.receiver.play.conftest import Server
from tests.receiver.play.test_pages import HOSTILE_BODIES

pytestmark = pytest.mark.acceptance
VOIDED = b'{"type":"invoice.voided","data":{"invoice":"in_4822","amount":1999,"currency":"EUR"}}'


@pytest.fixture(scope="module")
def bench():
    with benches() as one:
        yield one


@pytest.fixture
def app():
    """A local app behind the middleware; yields its URL."""

    async def handle(request: Request) -> Response:
        event = request.state.hookseal_event
        return Response(f'{{"handled":"{event.id}"}}', 202, media_type="application/json")

    inner = Starlette(routes=[Route("/webhooks", handle, methods=["POST"])])
    with Server(
        WebhookMiddleware(inner, secrets=SECRET, allow_insecure_peers=["127.0.0.1"])
    ) as url:
        yield f"{url}/webhooks"


class Inspector:
    """The page of one private URL, in a browser."""

    def __init__(self, page, view) -> None:
        self.page, self.view = page, view

    def go(self, rest=""):
        self.page.goto(self.view + rest)
        return self

    def follow(self):
        """Open the page that follows what comes; return once it is live."""
        self.go()
        expect(self.live).to_have_text("Live")
        return self

    @property
    def live(self):
        return self.page.locator("[data-live-state]")

    @property
    def rows(self):
        return self.page.locator("#requests li")

    def step(self, name):
        return self.page.locator(".steps > li").filter(
            has=self.page.get_by_role("heading", name=name)
        )

    def shows(self, number, verdict=None):
        """Wait until the request is shown, with its verdict."""
        expect(self.page.locator("#detail").get_by_text(f"#{number}", exact=True)).to_be_visible()
        if verdict:
            badge = self.page.get_by_role("region", name="Signature").locator(".head .badge")
            expect(badge).to_have_text(verdict)


def inspecting(bench, page):
    """Make a private URL with a secret; return its sender, and its page, open and live."""
    sender, view = bench.make()
    return sender, Inspector(page, view).follow()


def sender_of(page):
    return Sender(page.locator("#capture-url").text_content())


def test_what_comes_is_shown_at_once_and_judged_once_there_is_a_secret(page, bench):
    page.goto(bench.base)
    assert_accessible(page)
    screenshot(page, "play-front")
    page.get_by_role("button", name="Make a private URL").click()
    expect(page.get_by_text("Waiting for the first request")).to_be_visible()
    inspector, sender = Inspector(page, page.url), sender_of(page)
    expect(inspector.live).to_have_text("Live")
    assert_accessible(page)
    screenshot(page, "play-waiting")

    assert sender.send().status_code == 200
    inspector.shows(1, "Not checked")
    expect(page.locator("#said")).to_have_text("1 request arrived")

    page.get_by_role("link", name="Give the secret").click()
    page.get_by_label("The endpoint's secret").fill(SECRET)
    page.get_by_role("button", name="Save the secret").click()
    expect(page.get_by_text("Saved: it holds")).to_be_visible()
    assert SECRET not in page.content()

    inspector.follow()
    sender.send(event_id="msg_paid")
    inspector.shows(2, "Verified")
    for name in ("Headers", "Timestamp", "Signature", "Duplicate"):
        expect(inspector.step(name)).to_have_class("pass")
    expect(inspector.rows).to_have_count(2)
    assert_accessible(page)


def test_the_forged_the_late_and_the_repeated_say_why(page, bench):
    sender, inspector = inspecting(bench, page)
    sender.send(event_id="msg_paid")
    sender.send(VOIDED, event_id="msg_paid")
    inspector.shows(2, "Verified, seen before")
    expect(inspector.step("Duplicate")).to_contain_text("#1")

    sender.send(event_id="msg_late", at=time.time() - 3600)
    inspector.shows(3, "Would be refused")
    expect(inspector.step("Timestamp")).to_contain_text("Signed 1 h before it arrived")

    assert sender.forge(event_id="msg_forged").status_code == 200  # judged, and yet answered
    inspector.shows(4, "Would be refused")
    expect(inspector.step("Signature")).to_contain_text("The signature does not match")
    expect(inspector.step("Signature")).to_contain_text("The secret of another endpoint")
    assert_accessible(page)
    screenshot(page, "play-refused")

    inspector.rows.nth(3).get_by_role("link").click()
    inspector.shows(1, "Verified")
    assert_accessible(page)
    screenshot(page, "play-verified")


def test_an_error_on_purpose(page, bench, browsing):
    sender, inspector = inspecting(bench, page)
    browsing.expect("status of 422")
    inspector.go("/setup")
    statuses = page.get_by_label("Statuses in turn")
    statuses.fill("500 999")
    page.get_by_label("Delay in seconds").fill("-1")
    page.get_by_role("button", name="Save the answer").click()
    expect(page.get_by_role("alert")).to_contain_text("2 fields need a change")
    expect(statuses).to_have_attribute("aria-invalid", "true")
    assert_accessible(page)

    statuses.fill("500 200")
    page.get_by_label("Delay in seconds").fill("0")
    page.get_by_label("Body").fill('{"error":"on purpose"}')
    page.get_by_role("button", name="Save the answer").click()
    expect(page.get_by_text("Saved: it holds")).to_be_visible()
    assert_accessible(page)
    screenshot(page, "play-answer")

    inspector.follow()
    failed = sender.send()
    assert (failed.status_code, failed.text) == (500, '{"error":"on purpose"}')
    inspector.shows(1, "Verified")
    expect(page.locator("#detail .facts")).to_contain_text("500 in")
    assert sender.send().status_code == 200


def test_two_are_compared(page, bench):
    sender, inspector = inspecting(bench, page)
    sender.send()
    sender.send(VOIDED)
    inspector.go("/compare")
    assert_accessible(page)
    expect(page.get_by_label("First")).to_have_value("1")
    expect(page.get_by_label("Second")).to_have_value("2")
    page.get_by_role("button", name="Compare").click()

    body = page.get_by_role("region", name="Body")
    expect(body.locator("del").first).to_contain_text('"type": "invoice.paid"')
    expect(body.locator("ins").first).to_contain_text('"type": "invoice.voided"')
    expect(page.get_by_role("region", name="Request line")).to_contain_text("The same.")
    assert_accessible(page)
    screenshot(page, "play-compare")


def test_sent_again_to_a_local_app_as_it_was_and_signed_anew(page, bench, app, browsing):
    sender, inspector = inspecting(bench, page)
    sender.send(event_id="msg_late", at=time.time() - 3600)

    def send_again(timestamp, url=app):
        inspector.go("/1")
        page.get_by_label("To this URL").fill(url)
        page.get_by_label(timestamp).check()
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("heading", name="Sent #1 again")).to_be_visible()
        return page.locator(".note")

    expect(send_again("As it was")).to_contain_text("The answer was 401")
    expect(page.locator("main")).to_contain_text("timestamp_too_old")
    expect(send_again("Fresh, signed anew")).to_contain_text("The answer was 202")
    expect(page.get_by_role("region", name="Body of the answer", exact=True)).to_contain_text(
        "msg_late"
    )
    assert_accessible(page)
    screenshot(page, "play-sent-again")

    browsing.expect("status of 422")
    nobody = send_again("As it was", f"http://127.0.0.1:{free_port()}/")
    expect(nobody).to_contain_text("nothing answers")
    assert_accessible(page)


def test_search_and_filter(page, bench):
    sender, inspector = inspecting(bench, page)
    sender.send(path="/billing")
    sender.send(VOIDED, path="/billing")
    sender.forge(path="/orders")

    page.get_by_role("searchbox").fill("in_4822")
    page.get_by_role("searchbox").press("Enter")
    expect(inspector.rows).to_have_count(1)
    inspector.shows(2)
    sender.send(VOIDED)  # the list stays live, the one that is looked at stays too
    expect(inspector.rows).to_have_count(2)
    inspector.shows(2)
    assert_accessible(page)

    page.get_by_role("searchbox").fill("")
    page.get_by_label("Verdict").select_option("refused")
    expect(inspector.rows).to_have_count(1)
    expect(inspector.rows.first).to_contain_text("/orders")
    screenshot(page, "play-search")

    page.get_by_role("searchbox").fill("nowhere")
    page.get_by_role("searchbox").press("Enter")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    expect(page.get_by_role("heading", name="Send one now")).to_have_count(0)
    assert_accessible(page)
    page.get_by_role("link", name="Show all requests").click()
    expect(inspector.rows).to_have_count(4)


def test_what_somebody_works_on_does_not_change_under_their_hands(page, bench):
    sender, inspector = inspecting(bench, page)
    sender.send()
    inspector.shows(1)

    page.get_by_text("Delete", exact=True).first.click()
    sender.send()
    expect(inspector.live).to_have_text("Newer ones wait")
    expect(page.get_by_role("button", name="Delete #1 for good")).to_be_visible()
    page.keyboard.press("Escape")
    inspector.shows(2)
    expect(inspector.live).to_have_text("Live")

    url = page.get_by_label("To this URL")
    url.fill("http://localhost:1/")
    page.get_by_role("heading", name="Body").click()  # the focus leaves, the words stay
    sender.send()
    expect(inspector.live).to_have_text("Newer ones wait")
    inspector.shows(2)
    url.fill("")
    page.get_by_role("heading", name="Body").click()
    inspector.shows(3)


def test_taken_away_paused_and_deleted(page, bench, browsing):
    sender, inspector = inspecting(bench, page)
    sender.send()
    inspector.go("/1")
    page.get_by_role("button", name="Copy the URL").click()
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == sender.url
    page.get_by_text("Copy as curl").click()
    page.get_by_role("button", name="Copy the command").click()
    assert "webhook-signature" in page.evaluate("navigator.clipboard.readText()")
    assert_accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="HAR", exact=True).click()
    assert download.value.suggested_filename.endswith(".har")

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused: requests are answered but not kept.")).to_be_visible()
    assert_accessible(page)
    assert sender.send().status_code == 200
    page.get_by_role("button", name="Keep requests again").click()
    expect(inspector.rows).to_have_count(1)

    page.get_by_text("More", exact=False).first.click()
    page.get_by_text("Delete all requests").click()
    assert_accessible(page)
    page.get_by_role("button", name="Delete all").click()
    expect(page.get_by_text("Waiting for the first request")).to_be_visible()
    inspector.go("/setup")
    page.get_by_text("Delete this URL and all it received").click()
    assert_accessible(page)
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="See your webhooks arrive")).to_be_visible()
    browsing.expect("status of 404")
    inspector.go()
    expect(page.get_by_text("There is no inspector at this address")).to_be_visible()
    assert_accessible(page)
    assert sender.send().status_code == 404


@pytest.mark.parametrize("name", HOSTILE_BODIES)
def test_a_hostile_request_does_no_harm(page, bench, name):
    sender, inspector = inspecting(bench, page)
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    hostile = "<img src=x onerror=alert(1)>"
    fields = {"x-hostile": hostile, "user-agent": '"><script>alert(1)</script>'}
    sender.post(HOSTILE_BODIES[name], path="/%3Cscript%3E?q=<svg/onload=alert(1)>", **fields)

    inspector.shows(1)  # it came live, through the script of the page
    expect(page.get_by_role("rowheader", name="x-hostile")).to_be_visible()
    assert page.locator("main img, main script, main svg[onload]").count() == 0
    for form in ("Raw", "Hex"):
        page.get_by_role("link", name=form, exact=True).click()
        expect(page.get_by_role("region", name="Body", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name=form)).to_have_attribute("aria-current", "true")
        assert_fits(page)
    assert dialogs == []


def test_a_line_of_a_mebibyte_shown_whole_leaves_the_page_usable(page, bench):
    sender, inspector = inspecting(bench, page)
    sender.post(HOSTILE_BODIES["line"])
    inspector.shows(1)
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_text("Only the beginning is shown")).to_have_count(0)
    assert_fits(page)
    page.get_by_text("Copy as curl").click()
    expect(page.get_by_role("link", name="Download as a script")).to_be_visible()


def test_by_keyboard_alone(page, bench, app):
    page.goto(bench.base)
    tab_to(page, page.get_by_role("link", name="Skip to the content"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Make a private URL"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Waiting for the first request")).to_be_visible()
    inspector, sender = Inspector(page, page.url), sender_of(page)

    tab_to(page, page.get_by_role("link", name="Answer and secret"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("The endpoint's secret"))
    page.keyboard.type(SECRET)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved: it holds")).to_be_visible()
    tab_to(page, page.get_by_role("link", name="Requests"))
    page.keyboard.press("Enter")
    expect(inspector.live).to_have_text("Live")
    sender.send()
    sender.forge()
    inspector.shows(2, "Would be refused")

    verdict = page.get_by_label("Verdict")
    tab_to(page, verdict)
    page.keyboard.press("ArrowDown")
    expect(page).to_have_url(re.compile("outcome=verified"))
    expect(verdict).to_be_focused()  # so that the next arrow goes on
    page.keyboard.press("ArrowDown")
    expect(page).to_have_url(re.compile("outcome=refused"))
    expect(inspector.rows).to_have_count(1)
    expect(verdict).to_be_focused()
    page.keyboard.press("Home")
    expect(inspector.rows).to_have_count(2)
    expect(verdict).to_be_focused()

    tab_to(page, inspector.rows.nth(1).get_by_role("link"))
    page.keyboard.press("Enter")
    inspector.shows(1, "Verified")
    tab_to(page, page.get_by_text("Copy as curl"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Copy the command")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Copy the command"))
    page.keyboard.press("Escape")
    expect(page.get_by_text("Copy as curl")).to_be_focused()
    tab_to(page, page.get_by_label("To this URL"))
    page.keyboard.type(app)
    tab_to(page, page.get_by_label("As it was"))
    page.keyboard.press("ArrowDown")
    tab_to(page, page.get_by_role("button", name="Send"))
    page.keyboard.press("Space")
    expect(page.locator(".note")).to_contain_text("The answer was 202")


@without_javascript
def test_without_javascript(page, bench, app):
    page.goto(bench.base)
    page.get_by_role("button", name="Make a private URL").click()
    sender, view = sender_of(page), page.url
    expect(page.locator(".js-only:visible")).to_have_count(0)
    sender.send()
    page.get_by_role("link", name="Reload").click()
    page.get_by_role("link", name="Give the secret").click()
    page.get_by_label("The endpoint's secret").fill(SECRET)
    page.get_by_role("button", name="Save the secret").click()

    page.goto(view)
    inspector = Inspector(page, view)
    sender.send()
    sender.forge()
    page.get_by_role("link", name="Reload").click()
    inspector.shows(3, "Would be refused")
    page.get_by_label("Verdict").select_option("verified")
    page.get_by_role("button", name="Filter").click()
    expect(inspector.rows).to_have_count(1)
    inspector.shows(2, "Verified")
    page.get_by_text("Copy as curl").click()
    expect(page.locator("#curl")).to_contain_text("webhook-signature")
    page.get_by_text("Copy as curl").click()
    page.get_by_role("link", name="Hex").click()
    expect(page.get_by_role("region", name="The body")).to_contain_text("00000000  7b 22")
    page.get_by_label("To this URL").fill(app)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".note")).to_contain_text("The answer was 202")
    page.get_by_role("link", name="Back to #2").click()
    page.get_by_role("link", name="Compare", exact=True).last.click()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("region", name="Request line")).to_be_visible()


@on_a_phone
def test_on_a_phone_nothing_is_wider_than_the_screen(page, bench, app):
    sender, view = bench.make()
    inspector = Inspector(page, view)
    page.goto(bench.base)
    assert_fits(page)
    inspector.follow()
    assert_fits(page)
    long = "".join(f"part-{number}-" for number in range(40))
    sender.send(path=f"/{long}?q={long}", **{f"x-{long}": long})
    sender.forge()
    inspector.shows(2)
    assert_fits(page)
    screenshot(page, "play-phone")
    inspector.rows.nth(1).get_by_role("link").tap()
    expect(page.get_by_role("link", name="All requests")).to_be_visible()
    expect(inspector.rows.first).to_be_hidden()  # one thing at a time
    assert_fits(page)
    assert_accessible(page)
    page.get_by_text("Copy as curl").tap()
    assert_fits(page)
    for rest in ("/setup", "/compare?first=1&second=2", "/1?as=hex", "?q=nothing"):
        inspector.go(rest)
        assert_fits(page)
        assert_accessible(page)
    inspector.go("/2")
    page.get_by_label("To this URL").fill(app)
    page.get_by_role("button", name="Send").tap()
    expect(page.locator(".note")).to_be_visible()
    assert_fits(page)
    assert_accessible(page)


def test_hookseal_listen_shows_what_it_passes_on(page, app):
    command = [sys.executable, "-m", "hookseal_receiver.listen", "--port", "0", "--forward", app]
    process = subprocess.Popen(
        command,
        env={**os.environ, "HOOKSEAL_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url, view = (process.stdout.readline().split()[-1] for _ in range(2))
        inspector = Inspector(page, view).follow()
        assert Sender(url).send(event_id="msg_paid").json() == {"handled": "msg_paid"}
        inspector.shows(1, "Verified")
        expect(page.locator("#detail .facts")).to_contain_text("202 in")
        inspector.go("/setup")
        expect(page.get_by_text("Requests are passed on to your app")).to_be_visible()
        assert_accessible(page)
    finally:
        page.goto("about:blank")  # a live page would hold it up
        process.terminate()
        process.communicate(timeout=30)
