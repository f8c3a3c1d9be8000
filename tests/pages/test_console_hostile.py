"""The console where things are hostile or poor: payloads, names, small screens, no script."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.pages.axe import assert_accessible
from tests.pages.browsing import assert_fits, on_a_phone, without_javascript
from tests.pages.consoling import benches

pytestmark = pytest.mark.acceptance
_SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}'
_TURNED = "\u202egnp.exe\u2066\u200f"
_PAYLOADS = {
    "script": json.dumps({_SCRIPT: _SCRIPT, "</pre>": "</textarea></style>"}),
    "turned": json.dumps({"name": _TURNED, "nul": "\x00\x1b[31m"}, ensure_ascii=False),
    "line": json.dumps({"data": "x" * 1024 * 1024}),
    "deep": '{"a":' * 900 + "1" + "}" * 900,
    "too deep": "[" * (512 * 1024),
    "wide": json.dumps({f"key-{number}": number for number in range(50_000)}),
    "invalid": "<?xml version='1.0'?><!DOCTYPE x><x onload='alert(1)'/>",
}
_ANSWERS = {
    "script": _SCRIPT.encode(),
    "invalid": b"\xff\xfe\x80\x00\xed\xa0\x80" * 50,
    "turned": _TURNED.encode() * 20,
    "line": b"x" * 1024 * 1024,
    "deep": b"[" * 10_000,
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with benches(tmp_path_factory.mktemp("console")) as one:
        yield one


@pytest.fixture
def operator(bench, page):
    """A page of an operator who is signed in; no dialog of a script may open in it."""
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    return bench.enter(page)


@pytest.fixture
def place(bench):
    return bench.endpoints.place()


def is_inert(page, url):
    """Open a page; assert that it answers, and that nothing hostile became part of it."""
    page.goto(url)
    expect(page.locator("main")).to_be_visible()
    assert page.locator("main :is(script, img, iframe, [onerror], [onload])").count() == 0
    assert "alert(1)" not in "".join(page.locator("script").all_text_contents())
    assert_fits(page)


@pytest.mark.parametrize("name", _PAYLOADS)
def test_hostile_payloads_and_answers_do_no_harm(operator, bench, place, name):
    page, workspace = operator, bench.workspace()
    answer = _ANSWERS.get(name, b"")
    place.answer(500, answer, content_type='text/html"><script>', x_b="<b>'\"&</b>")
    webhook = workspace.webhook(place.url)
    message = workspace.publish_raw(_PAYLOADS[name])
    webhook.finish(1)
    is_inert(page, webhook.url("logs", message))
    expect(page.get_by_role("region", name="The body")).to_be_visible()
    expect(page.locator("#delivery h1 + .badge")).to_have_text("Retrying")
    assert _TURNED[0] not in page.content()
    page.get_by_text("Request and response").click()
    expect(page.get_by_role("table", name="Headers of the response")).to_contain_text("<b>'\"&</b>")
    expect(page.get_by_role("region", name="The answer's body")).to_have_count(1 if answer else 0)
    assert_fits(page)
    is_inert(page, webhook.url("logs"))


def test_a_line_of_a_mebibyte_shown_whole_leaves_the_page_usable(operator, bench, place):
    page, workspace = operator, bench.workspace()
    webhook = workspace.webhook(place.url)
    message = workspace.publish_raw(_PAYLOADS["line"])
    webhook.finish(1)
    page.goto(webhook.url("logs", message))
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_text("Only the beginning is shown")).to_have_count(0)
    is_inert(page, page.url)


def test_what_an_inspector_answers_does_nothing_to_who_opens_it(operator, bench, browsing):
    browsing.expect("Blocked script execution")
    page, workspace = operator, bench.workspace()
    page.goto(workspace.url("webhooks", "new"))
    page.get_by_role("button", name="Test in Play").click()
    url = page.get_by_label("URL").input_value()
    page.get_by_label("Name", exact=True).fill("Trap")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Open in Play").click()
    page.get_by_role("link", name="Answer and secret").click()
    page.get_by_label("Headers").fill("content-type: text/html")
    page.get_by_label("Body").fill("<h1>Trap</h1><script>document.title = 'sprung'</script>")
    page.get_by_role("button", name="Save the answer").click()
    page.goto(url)
    expect(page.get_by_role("heading", name="Trap")).to_be_visible()
    assert page.title() == ""


def test_long_names_leave_the_lists_their_width(operator, bench):
    page, workspace = operator, bench.workspace()
    url = f"{bench.endpoints.place().url}?token={'y' * 200}"
    webhook = workspace.webhook(url, "A name that goes on " * 12)
    workspace.publish("customer.subscription." + "x" * 200)
    webhook.finish(1)
    bench.workspace("W" * 256, uid="u" * 256)
    lists = {
        "Workspaces": f"{bench.console}/workspaces",
        "Webhooks": workspace.url("webhooks"),
        "Deliveries": webhook.url("logs"),
    }
    for name, there in lists.items():
        page.goto(there)
        table = page.get_by_role("region", name=name)
        for width in (720, 780, 900, 970, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert table.evaluate("each => each.scrollWidth <= each.clientWidth"), (name, width)


def test_hostile_names_and_urls_do_no_harm(operator, bench):
    page = operator
    workspace = bench.workspace(f"{_SCRIPT}{_TURNED}")
    url = f"{bench.endpoints.place().url}?q=<script>alert(1)</script>'\"&{'y' * 300}"
    webhook = workspace.webhook(url, f"{_SCRIPT}{'Z' * 150}", description=_SCRIPT * 3)
    bench.made("/event-type", {"name": "hostile", "description": _SCRIPT})
    workspace.publish("x" * 250)
    webhook.finish(1)
    for there in (
        f"{bench.console}/workspaces",
        workspace.url(),
        workspace.url("webhooks"),
        workspace.url("webhooks", "new"),
        *(webhook.url(*rest) for rest in ((), ("edit",), ("logs",), ("delete",), ("rotate",))),
    ):
        is_inert(page, there)
    page.goto(webhook.url("logs?id=<script>alert(1)</script>&event=%00&said=replayed-<b>x</b>"))
    expect(page.get_by_label("Message or event id")).to_have_value("<script>alert(1)</script>")
    page.goto(webhook.url())
    page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("<script>alert(1)</script>")
    assert dialog.locator("script, img").count() == 0
    assert_fits(page)


def test_what_does_not_exist_says_so(operator, bench, browsing):
    browsing.expect("status of 404")
    page, workspace = operator, bench.workspace()
    for url in (
        f"{bench.console}/nothing",
        f"{bench.console}/app/<script>",
        workspace.url("webhooks", "ep_nothing"),
        workspace.webhook(bench.endpoints.place().url).url("logs", "msg_nothing"),
    ):
        assert page.goto(url).status == 404
        expect(page.get_by_role("heading", name=re.compile("There is no"))).to_be_visible()
    assert_accessible(page)


@without_javascript
def test_without_javascript(page, bench, place, browsing):
    browsing.expect("status of 422")
    page.goto(bench.base)
    page.get_by_label("API token of your organisation").fill(bench.token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Name").fill("No script Ltd")
    page.get_by_role("button", name="Make").click()
    page.get_by_role("link", name="Create Webhook").first.click()
    expect(page.locator(".js-only:visible")).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("2 fields need a change")
    page.get_by_role("button", name="Test in Play").click()
    expect(page.get_by_label("URL")).to_have_value(re.compile("/play/in/"))
    page.get_by_label("Name", exact=True).fill("Plain")
    page.get_by_label("URL").fill(place.url)
    page.get_by_label("Only these").check()
    page.get_by_role("checkbox", name="invoice.*").check()
    page.get_by_role("button", name="Save").click()
    secret = page.locator("#secret").text_content()
    page.get_by_role("link", name="Done").click()

    page.get_by_role("button", name="Send test event").click()
    assert place.verified(1, secret)
    page.get_by_role("link", name="Plain").click()
    page.get_by_role("link", name="Edit").first.click()
    page.get_by_label("Note").fill("For the books")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("For the books")).to_be_visible()
    page.get_by_role("button", name="Disable").click()
    page.get_by_role("button", name="Enable, and send what is held").click()
    page.get_by_role("link", name="Rotate the secret").click()
    expect(page.get_by_role("heading", name="Rotate the secret?")).to_be_visible()
    page.get_by_role("button", name="Rotate").click()
    expect(page.locator("#secret")).not_to_have_text(secret)
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("heading", name="Delete Plain?")).to_be_visible()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("No webhooks yet")).to_be_visible()


@on_a_phone
def test_on_a_phone_nothing_is_wider_than_the_screen(operator, bench, place, browsing):
    browsing.expect("status of 422")
    page, workspace = operator, bench.workspace("Donaudampfschifffahrtsgesellschaft & Töchter")
    bench.workspace("n" * 256, uid="u" * 255)
    place.answer(503, b"x" * 2000, content_type="text/plain", x_long="y" * 500)
    webhook = workspace.webhook(
        f"{place.url}", "Rechnungswesen-Schnittstelle-Nordost", eventTypes=["invoice.*", "a" * 200]
    )
    message = workspace.publish("invoice.payment_failed", {"k" * 300: "v" * 300})
    webhook.finish(1)
    for url in (
        f"{bench.console}/workspaces",
        workspace.url(),
        workspace.url("webhooks"),
        workspace.url("webhooks", "new"),
        *(webhook.url(*rest) for rest in ((), ("edit",), ("delete",), ("rotate",))),
        webhook.url("logs"),
        webhook.url("logs", message),
    ):
        page.goto(url)
        assert_fits(page)
    assert_accessible(page)
    page.locator("summary").filter(has_text="Request and response").tap()
    assert_fits(page)
    ruled = "cell => getComputedStyle(cell).borderBottomWidth"
    for cell in page.locator("table.headers").first.locator("tbody :is(th, td)").all():
        assert cell.evaluate(ruled) == "0px"  # the row has one
    page.goto(webhook.url("logs"))
    page.locator("summary").filter(has_text="Replay all failed").tap()
    assert_fits(page)
    page.goto(webhook.url())
    page.get_by_role("link", name="Delete").tap()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_fits(page)
    page.goto(workspace.url("webhooks", "new"))
    page.get_by_label("Only these").check()
    page.get_by_role("button", name="Save").tap()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_fits(page)
    page.get_by_label("Name", exact=True).fill("n" * 200)
    page.get_by_label("URL").fill(place.url)
    page.get_by_label("All events").check()
    page.get_by_role("button", name="Save").tap()
    expect(page.get_by_role("heading", name="Webhook created")).to_be_visible()
    assert_fits(page)
