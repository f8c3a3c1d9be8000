"""The console in a browser: the whole story of a webhook, and each thing done to one."""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.sync_api import expect

from hookseal import Verifier, WebhookError
from tests.pages.axe import assert_accessible
from tests.pages.browsing import tab_to
from tests.pages.consoling import benches

pytestmark = pytest.mark.acceptance
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{40,}")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with benches(tmp_path_factory.mktemp("console")) as one:
        yield one


@pytest.fixture
def operator(bench, page):
    """A page of an operator who is signed in."""
    return bench.enter(page)


# --- the whole story --------------------------------------------------------------------------


def test_the_whole_story(page, browsing, tmp_path):
    browsing.expect("status of 422")
    visited = []
    page.context.on("request", lambda request: visited.append(request.url))
    with benches(tmp_path, retry_schedule="1,3600", log_level="debug") as bench:
        sign_in(page, bench)
        make_a_workspace(page)
        secret = create_by_keyboard_with_play(page)
        see_it_verified_in_play(page)
        place = bench.endpoints.place()
        place.answer(503, b'{"error":"migrating"}', content_type="application/json")
        point_it_at(page, place.url)
        see_why_it_failed(page, place)
        repair_and_replay(page, place, secret)
        newest = rotate(page, place, secret)
        delete(page)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.goto("about:blank")
        log = bench.stopped()
    assert "attempt failed" in log
    for text in (secret, newest, "whsec_", bench.token):
        assert text not in log
        assert not [url for url in visited if text in url]


def sign_in(page, bench):
    """Sign in; a wrong token says so beside the field."""
    page.goto(bench.base)
    token = page.get_by_label("API token of your organisation")
    expect(token).to_be_focused()
    page.keyboard.type("not a token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(token).to_have_attribute("aria-invalid", "true")
    expect(token).to_have_value("")
    token.fill(bench.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Workspaces", exact=True)).to_be_visible()


def make_a_workspace(page):
    page.get_by_label("Name").fill("Acme GmbH")
    page.get_by_role("button", name="Make").click()
    expect(page.get_by_text("No webhooks yet")).to_be_visible()
    crumbs = page.get_by_role("navigation", name="Breadcrumb")
    where = ["Settings", "Acme GmbH", "Advanced", "Developers", "Webhooks"]
    expect(crumbs.get_by_role("listitem")).to_have_text(where)


def create_by_keyboard_with_play(page):
    """Create a webhook without a mouse; return its secret, which is shown once."""
    press(page, page.get_by_role("link", name="Create Webhook").first)
    name, url = page.get_by_label("Name", exact=True), page.get_by_label("URL")
    press(page, page.get_by_role("button", name="Save"))
    expect(page.get_by_role("alert")).to_contain_text("2 fields need a change")
    expect(page.get_by_role("alert")).to_be_focused()
    for field, words in ((name, "Give the webhook a name"), (url, "Enter the URL")):
        expect(field).to_have_accessible_description(re.compile(words))
        expect(field).to_have_attribute("aria-invalid", "true")

    press(page, page.get_by_role("link", name="Give the webhook a name"))
    expect(name).to_be_focused()
    page.keyboard.type("Billing")
    press(page, page.get_by_role("button", name="Test in Play"), "Space")
    expect(url).to_have_value(re.compile(r"/play/in/[A-Za-z0-9_-]{20,}$"))
    expect(name).to_have_value("Billing")
    tab_to(page, page.get_by_label("All events"))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Only these")).to_be_checked()
    tab_to(page, page.get_by_label("Find an event"))
    page.keyboard.type("paid")
    tab_to(page, page.get_by_role("checkbox", name="invoice.paid"))
    page.keyboard.press("Space")
    press(page, page.get_by_role("button", name="Save"))

    expect(page.get_by_role("heading", name="Webhook created")).to_be_visible()
    secret = page.locator("#secret").text_content()
    assert SECRET.fullmatch(secret)
    press(page, page.get_by_role("button", name="Copy the secret"))
    expect(page.get_by_role("button", name="Copied the secret")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    for framework in ("FastAPI", "Django", "Flask", "Express"):
        expect(page.get_by_text(framework, exact=True)).to_be_visible()

    page.reload()  # the form is sent once more, and makes nothing
    expect(page.get_by_role("heading", name="Billing", exact=True)).to_be_visible()
    assert secret not in page.content()
    press(page, page.get_by_role("link", name="Webhooks", exact=True).first)
    expect(page.locator("table.hooks tbody tr")).to_have_count(1)
    press(page, page.get_by_role("link", name="Billing", exact=True))
    return secret


def see_it_verified_in_play(page):
    expect(page.get_by_role("heading", name="Send a test event")).to_be_visible()
    page.get_by_label("Event", exact=True).select_option("invoice.paid")
    page.get_by_role("button", name="Send test event").click()
    expect(badge(page)).to_have_text("Delivered")
    expect(page.locator("main")).to_contain_text("1 of 3")
    page.get_by_role("link", name="Billing").click()
    page.get_by_role("link", name="Open in Play").click()
    signature = page.get_by_role("region", name="Signature")
    expect(signature.locator(".head .badge")).to_have_text("Verified")
    expect(page.get_by_role("region", name="Body", exact=True)).to_contain_text("in_4821")
    page.go_back()


def point_it_at(page, url):
    page.get_by_role("link", name="Edit").first.click()
    expect(page.get_by_role("checkbox", name="invoice.paid")).to_be_checked()
    page.get_by_label("URL").fill(url)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()


def see_why_it_failed(page, place):
    page.get_by_role("button", name="Send test event").click()
    place.wait_for(2)
    expect(page.locator("#delivery")).to_contain_text("2 of 3")
    expect(badge(page)).to_have_text("Retrying")
    where = page.get_by_role("region", name="Where it stands")
    for words in (
        "It failed and will be tried again.",
        "The endpoint answered 503.",
        "Your endpoint said that it is not available now.",
    ):
        expect(where).to_contain_text(words)
    expect(where).to_contain_text(re.compile(r"Next attempt\s*in (\d\d min|1 h), at 20\d\d-"))
    expect(page.get_by_role("heading", name="Attempt 2: 503 Service Unavailable")).to_be_visible()
    page.get_by_role("link", name="Logs").click()
    row = page.locator("table.log tbody tr").first
    for label, words in (
        ("State", "Retrying"),
        ("Code", "503"),
        ("Took", re.compile(r"\d+ ms")),
        ("Attempt", "2 of 3"),
        ("Next attempt", re.compile(r"in (\d\d min|1 h)")),
    ):
        expect(row.locator(f"[data-label='{label}']")).to_have_text(words)
    expect(row.get_by_role("rowheader")).to_contain_text("The endpoint answered 503.")
    row.get_by_role("link").click()


def repair_and_replay(page, place, secret):
    place.answer(204)
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("status").filter(has_text="sent again")).to_be_visible()
    expect(badge(page)).to_have_text("Delivered")
    first = page.locator(".timeline > li").first
    expect(first).to_contain_text("Attempt 3: 204 No Content")
    expect(first).to_contain_text("because somebody asked")
    assert len(set(place.verified(3, secret))) == 1  # the same message each time


def rotate(page, place, secret):
    """Rotate the secret; return the new one, which signs beside the old one."""
    page.get_by_role("link", name="Billing").click()
    page.get_by_role("link", name="Rotate the secret").click()
    dialog = page.get_by_role("dialog", name="Rotate the secret?")
    dialog.get_by_label("The old one signs too for").select_option("an hour")
    dialog.get_by_role("button", name="Rotate").click()
    expect(page.get_by_role("heading", name="Secret rotated")).to_be_visible()
    expect(page.locator("main")).to_contain_text("The one before signs too until 20")
    newest = page.locator("#secret").text_content()
    assert SECRET.fullmatch(newest)
    assert newest != secret
    page.reload()  # sent once more, it rotates nothing
    expect(page.get_by_role("heading", name="Billing", exact=True)).to_be_visible()
    page.get_by_role("button", name="Send test event").click()
    expect(badge(page)).to_have_text("Delivered")
    headers, body = place.wait_for(4)[-1]
    for each in (secret, newest):
        assert Verifier(each).verify(headers, body)
    return newest


def delete(page):
    page.get_by_role("link", name="Billing").click()
    page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete Billing?")
    expect(dialog).to_contain_text("nothing is cancelled")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("No webhooks yet")).to_be_visible()


def press(page, target, key="Enter"):
    """Go to the element by keyboard, and press the key."""
    tab_to(page, target)
    page.keyboard.press(key)


def badge(page):
    """Return the state beside the heading."""
    return page.locator("#delivery h1 + .badge")


# --- what is done to a webhook ----------------------------------------------------------------


def test_events_are_found_chosen_by_group_and_pattern_and_shown_again(operator, bench):
    workspace, page = bench.workspace(), operator
    page.goto(workspace.url("webhooks", "new"))
    expect(page.get_by_label("Find an event")).to_be_hidden()
    page.get_by_label("Only these").check()
    groups = page.get_by_role("group", name=re.compile("^(export|invoice|order|user)$"))
    expect(groups).to_have_count(4)

    find = page.get_by_label("Find an event")
    find.fill("warehouse")  # words of the description count too
    expect(page.locator("[data-item]:visible")).to_have_count(1)
    expect(page.locator("#said")).to_have_text("1 found")
    find.fill("user del")
    expect(page.get_by_role("checkbox", name="user.deleted")).to_be_visible()
    expect(groups).to_have_count(1)
    find.press("Enter")  # searches, and does not send the form
    find.fill("invoice.*")
    expect(page.locator("[data-item]:visible")).to_have_count(1)
    expect(page.get_by_role("checkbox", name="invoice.*")).to_be_visible()
    find.fill("nothing such")
    expect(page.get_by_text("No event is called that.")).to_be_visible()
    assert_accessible(page)
    find.fill("")
    expect(groups).to_have_count(4)

    page.get_by_role("checkbox", name="invoice.*").check()
    page.get_by_role("checkbox", name="order.shipped").check()
    page.get_by_text("More names and patterns").click()
    page.get_by_label("Names and patterns").fill("billing.*, refund.*")
    page.get_by_label("Name", exact=True).fill("Warehouse")
    page.get_by_label("URL").fill(bench.endpoints.place().url)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Done").click()
    chosen = ["invoice.*", "order.shipped", "billing.*", "refund.*"]
    expect(page.locator(".facts .chip")).to_have_text(chosen)


def test_what_is_chosen_is_kept_when_it_is_edited(operator, bench):
    page = operator
    webhook = bench.workspace().webhook(
        bench.endpoints.place().url, eventTypes=["invoice.*", "order.shipped", "billing.*"]
    )
    page.goto(webhook.url("edit"))
    expect(page.get_by_label("Only these")).to_be_checked()
    for name in ("invoice.*", "order.shipped"):
        expect(page.get_by_role("checkbox", name=name)).to_be_checked()
    expect(page.get_by_role("checkbox", name="invoice.paid")).not_to_be_checked()
    expect(page.get_by_label("Names and patterns")).to_have_value("billing.*")
    page.get_by_role("checkbox", name="order.shipped").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".facts .chip")).to_have_text(["invoice.*", "billing.*"])


def test_faults_stand_beside_their_fields_and_what_was_written_stays(operator, bench, browsing):
    page = operator
    browsing.expect("status of 422")
    page.goto(bench.workspace().url("webhooks", "new"))
    page.get_by_label("Name", exact=True).fill("Kept")
    page.get_by_label("URL").fill("ftp://example.com/")
    page.get_by_label("Only these").check()
    page.get_by_role("button", name="Save").click()
    described = re.compile("must begin with https://")
    expect(page.get_by_label("URL")).to_have_accessible_description(described)
    expect(page.get_by_role("group", name="Events", exact=True)).to_have_accessible_description(
        "Choose at least one event, or all of them."
    )
    expect(page.get_by_label("Name", exact=True)).to_have_value("Kept")
    expect(page.get_by_label("URL")).to_have_value("ftp://example.com/")
    expect(page).to_have_title(re.compile("^Error: Create Webhook"))
    assert_accessible(page)
    press(page, page.get_by_role("link", name="Choose at least one event"))
    expect(page.get_by_label("All events")).to_be_focused()


@pytest.mark.parametrize("label", ["Name", "URL"])
def test_enter_in_a_field_saves(operator, bench, label):
    page, place = operator, bench.endpoints.place()
    workspace = bench.workspace()
    page.goto(workspace.url("webhooks", "new"))
    page.get_by_label("Name", exact=True).fill("Typed")
    page.get_by_label("URL").fill(place.url)
    assert_accessible(page)
    page.get_by_label(label, exact=True).press("Enter")
    expect(page.get_by_role("heading", name="Webhook created")).to_be_visible()
    (made,) = bench.api.get(f"/app/{workspace.id}/endpoint").json()["data"]
    assert (made["name"], made["url"]) == ("Typed", place.url)


def test_a_url_that_play_replaces_is_still_told(operator, bench):
    page = operator
    page.goto(bench.workspace().url("webhooks", "new"))
    page.get_by_label("URL").fill("https://example.com/mine")
    page.get_by_role("button", name="Test in Play").click()
    expect(page.get_by_label("URL")).to_have_value(re.compile("/play/in/"))
    note = page.get_by_role("status").filter(has_text="A private URL was made")
    expect(note).to_contain_text("in place of https://example.com/mine")


def test_the_page_of_a_webhook_renews_itself_unless_it_is_paused(operator, bench):
    page, place = operator, bench.endpoints.place()
    workspace = bench.workspace()
    webhook = workspace.webhook(place.url)
    page.goto(webhook.url())
    page.get_by_label("Event", exact=True).select_option("invoice.paid")
    workspace.publish()
    expect(page.locator(".recent li")).to_have_count(1)
    expect(page.locator(".recent")).to_contain_text("Delivered")
    expect(page.get_by_label("Event", exact=True)).to_have_value("invoice.paid")
    assert_accessible(page)

    live = page.get_by_role("checkbox", name="Live")
    press(page, live, "Space")
    expect(page.locator("#said")).to_have_text("Live updates are paused")
    for rest in ((), ("logs",)):  # on the next page too
        page.goto(webhook.url(*rest))
        expect(live).not_to_be_checked()
    rows = page.locator("table.log tbody tr")
    expect(rows).to_have_count(1)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    workspace.publish()
    page.wait_for_timeout(3500)  # longer than it renews itself
    assert asked == []
    expect(rows).to_have_count(1)
    live.check()
    expect(rows).to_have_count(2)


def test_disabled_it_holds_and_enabled_it_delivers(operator, bench):
    page, place = operator, bench.endpoints.place()
    workspace = bench.workspace()
    webhook = workspace.webhook(place.url)
    page.goto(webhook.url())
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("Events that come meanwhile are held")).to_be_visible()
    expect(page.get_by_role("button", name="Send test event")).to_be_disabled()
    message = workspace.publish()
    page.goto(webhook.url("logs", message))
    expect(badge(page)).to_have_text("Held")
    expect(page.locator("main")).to_contain_text("when the webhook is enabled")
    assert_accessible(page)
    assert place.received == []

    page.get_by_role("link", name="Billing").click()
    page.get_by_role("button", name="Enable, and send what is held").click()
    expect(page.get_by_text("Enabled. What was held is being sent.")).to_be_visible()
    assert place.verified(1, webhook.secret) == [message]


def test_a_dialog_says_what_deleting_does_and_can_be_left(operator, bench):
    page, place = operator, bench.endpoints.place()
    place.answer(500)
    workspace = bench.workspace()
    webhook = workspace.webhook(place.url, "Warehouse")
    for _ in range(3):
        workspace.publish()
    place.wait_for(3)
    page.goto(webhook.url("logs"))
    expect(page.get_by_text("Retrying", exact=True)).to_have_count(4)  # one is in the filter

    page.goto(webhook.url())
    link = page.get_by_role("link", name="Delete")
    press(page, link)
    dialog = page.get_by_role("dialog", name="Delete Warehouse?")
    expect(dialog).to_contain_text("3 deliveries are not finished and will be cancelled")
    expect(dialog).to_contain_text("3 retrying")
    assert page.evaluate("document.querySelector('dialog').matches(':modal')")
    expect(dialog.get_by_role("heading")).to_be_focused()  # Enter deletes nothing unread
    for _ in range(5):  # the focus stays inside, or with the browser
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body"
            " || document.querySelector('dialog').contains(document.activeElement)"
        )
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(link).to_be_focused()
    link.dblclick()
    dialog.get_by_role("link", name="Keep it").click()
    page.wait_for_load_state("networkidle")
    expect(dialog).to_have_count(0)
    expect(link).to_be_focused()

    link.click()
    dialog.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("No webhooks yet")).to_be_visible()
    assert bench.api.get(f"/app/{workspace.id}/endpoint/{webhook.id}").status_code == 404


def test_a_secret_that_ends_at_once_signs_no_more(operator, bench):
    page, place = operator, bench.endpoints.place()
    webhook = bench.workspace().webhook(place.url)
    page.goto(webhook.url())
    page.get_by_role("link", name="Rotate the secret").click()
    page.get_by_role("dialog").get_by_label("signs too for").select_option("no longer: it ends now")
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    newest = page.locator("#secret").text_content()
    webhook.workspace.publish()
    assert place.verified(1, newest)
    headers, body = place.received[0]
    with pytest.raises(WebhookError, match="signature"):
        Verifier(webhook.secret).verify(headers, body)


def test_a_double_click_makes_one_webhook_and_shows_its_secret(operator, bench):
    page, workspace = operator, bench.workspace()
    page.goto(workspace.url("webhooks", "new"))
    page.get_by_label("Name", exact=True).fill("Once")
    page.get_by_label("URL").fill(bench.endpoints.place().url)
    page.get_by_role("button", name="Save").dblclick()
    expect(page.locator("#secret")).to_contain_text("whsec_")
    assert len(bench.api.get(f"/app/{workspace.id}/endpoint").json()["data"]) == 1


def test_a_key_pair_shows_its_public_half(operator, bench):
    page, place = operator, bench.endpoints.place()
    workspace = bench.workspace()
    page.goto(workspace.url("webhooks", "new"))
    page.get_by_label("Name", exact=True).fill("Public")
    page.get_by_label("URL").fill(place.url)
    page.locator("summary").filter(has_text="Kind of signature").click()
    page.get_by_label("Key pair").check()
    page.get_by_role("button", name="Save").click()
    key = page.locator("#secret").text_content()
    assert key.startswith("whpk_")
    workspace.publish()
    assert place.verified(1, key)
    page.get_by_role("link", name="Done").click()
    expect(page.locator("main")).to_contain_text(key)


def test_a_test_event_goes_to_this_webhook_alone(operator, bench):
    page, place, other = operator, bench.endpoints.place(), bench.endpoints.place()
    workspace = bench.workspace()
    webhook = workspace.webhook(place.url, eventTypes=["user.created"])
    workspace.webhook(other.url)
    page.goto(webhook.url())
    page.get_by_role("button", name="Send test event").click()
    expect(badge(page)).to_have_text("Delivered")
    assert json.loads(place.received[0][1]) == {"success": True}
    assert other.received == []


def test_the_list_renews_itself(operator, bench):
    page, place = operator, bench.endpoints.place()
    workspace = bench.workspace()
    workspace.webhook(place.url)
    page.clock.install()
    page.goto(workspace.url("webhooks"))
    expect(page.get_by_text("no attempts")).to_be_visible()
    workspace.publish()
    place.wait_for(1)
    page.clock.fast_forward("00:11")
    expect(page.locator("[data-label='Success, 24 h']")).to_have_text("100 %")


def test_ages_are_by_the_servers_clock(operator, bench):
    page, workspace = operator, bench.workspace()
    webhook = workspace.webhook(bench.endpoints.place().url)
    workspace.publish()
    webhook.finish(1)
    page.clock.install(time=time.time() + 7200)
    page.route("**/live", lambda route: route.fulfill(status=204))  # nothing but the clock
    page.goto(webhook.url())
    age = page.locator(".recent time")
    expect(age).to_have_text(re.compile("just now| s ago"))
    page.clock.run_for(6000)
    expect(age).to_have_text(re.compile("^([6-9]|[1-5][0-9]) s ago$"))
