"""The log of a webhook in a browser: why something failed, and sending it again."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.pages.axe import assert_accessible
from tests.pages.browsing import without_javascript
from tests.pages.consoling import benches
from tests.ports import free_port

pytestmark = pytest.mark.acceptance
_NO_SUCH_MESSAGE = "msg_0000000000000000000000000AA"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with benches(tmp_path_factory.mktemp("console")) as one:
        yield one


@pytest.fixture
def operator(bench, page):
    """A page of an operator who is signed in."""
    return bench.enter(page)


@pytest.fixture
def place(bench):
    """An endpoint that works."""
    return bench.endpoints.place()


@pytest.fixture
def workspace(bench):
    return bench.workspace()


def rows(page):
    return page.locator("table.log tbody tr")


def badge(page):
    return page.locator("#delivery h1 + .badge")


def cell(row, label):
    return row.locator(f"[data-label='{label}']")


def test_it_is_live(operator, workspace, place):
    page, webhook = operator, workspace.webhook(place.url)
    page.goto(webhook.url("logs"))
    expect(page.get_by_text("Nothing was sent yet.")).to_be_visible()
    expect(page.get_by_text("Live: renewed every 3 s")).to_be_visible()
    assert_accessible(page)
    first = workspace.publish()
    expect(rows(page)).to_have_count(1)
    expect(cell(rows(page), "State")).to_have_text("Delivered")
    place.answer(500)
    second = workspace.publish("order.created")
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("order.created")
    expect(rows(page).nth(1)).to_have_id(first)
    expect(rows(page).nth(0)).to_have_id(second)


def test_what_is_written_and_opened_stays_while_the_page_renews_itself(operator, workspace, place):
    page, webhook = operator, workspace.webhook(place.url)
    place.answer(500, b'{"error":"broken"}', content_type="application/json", x_trace="4f1c")
    message = workspace.publish()
    webhook.finish(1)
    page.goto(webhook.url("logs", message))
    details = page.locator(".timeline details").first
    details.locator("summary").click()
    answer = page.get_by_role("region", name="The answer's body of attempt 1")
    expect(answer).to_contain_text('"error": "broken"')
    place.answer(204)
    workspace.bench.api.post(f"/app/{workspace.id}/msg/{message}/endpoint/{webhook.id}/resend")
    expect(badge(page)).to_have_text("Delivered")
    expect(page.locator(".timeline > li")).to_have_count(2)
    mine = page.locator(".timeline > li").filter(has_text="Attempt 1").locator("details")
    expect(mine).to_have_attribute("open", "")
    expect(answer).to_be_visible()

    page.goto(webhook.url("logs"))
    page.locator("summary").filter(has_text="Replay all failed").click()
    page.get_by_label("Code", exact=True).fill("50")
    workspace.publish("user.created")
    expect(rows(page)).to_have_count(2)
    expect(page.get_by_label("Code", exact=True)).to_have_value("50")


def test_stopping_the_renewal_asks_for_nothing(operator, workspace, place):
    page, webhook = operator, workspace.webhook(place.url)
    page.goto(webhook.url("logs"))
    live = page.get_by_role("checkbox", name="Live")
    live.focus()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("Space")
    page.wait_for_timeout(3500)  # in which it would have renewed itself
    assert asked == []
    expect(page.locator("#said")).to_have_text("Live updates are paused")

    page.get_by_text("Limit the time").click()
    since = page.get_by_label("From (UTC)")
    since.focus()
    page.keyboard.type("01012020")  # and no hour yet
    live.focus()
    page.keyboard.press("Space")
    expect(page.locator("#said")).to_have_text("Live updates go on")
    page.wait_for_timeout(200)  # in which the form would have been sent, or found wanting
    expect(live).to_be_focused()
    assert since.evaluate("field => field.validity.badInput")  # what was typed is there
    expect(page).to_have_url(webhook.url("logs"))


def test_request_and_response_are_shown_with_headers_and_bodies(operator, workspace, place):
    page, webhook = operator, workspace.webhook(place.url)
    workspace.bench.api.put(
        f"/app/{workspace.id}/endpoint/{webhook.id}/headers",
        json={"headers": {"x-team": "billing", "authorization": "Bearer hunter2"}},
    ).raise_for_status()
    place.answer(
        422, b'{"detail":"unknown invoice"}', content_type="application/json", x_trace="4f"
    )
    message = workspace.publish(eventId="evt_4821")
    webhook.finish(1)
    page.goto(webhook.url("logs", message))
    where = page.get_by_role("region", name="Where it stands")
    expect(where).to_contain_text("evt_4821")
    expect(where).to_contain_text("The endpoint answered 422.")
    expect(where).to_contain_text("Your endpoint refused the request. Its own log says why.")
    page.get_by_text("Request and response").click()

    request = page.get_by_role("table", name="Headers of the request")
    for name, value in (
        ("POST", place.url),
        ("webhook-id", message),
        ("x-team", "billing"),
        ("authorization", "(not shown)"),
    ):
        row = request.get_by_role("row").filter(
            has=page.get_by_role("rowheader", name=name, exact=True)
        )
        expect(row.get_by_role("cell")).to_have_text(value)
    expect(request).to_contain_text("not kept")  # the signature
    response = page.get_by_role("table", name="Headers of the response")
    expect(response).to_contain_text("422 Unprocessable")
    expect(response.get_by_role("rowheader", name="x-trace")).to_be_visible()
    expect(page.get_by_role("region", name="The answer's body")).to_contain_text("unknown invoice")
    expect(page.get_by_role("region", name="The body")).to_contain_text('"amount": 1999')
    assert "hunter2" not in page.content()


def test_why_is_told_in_plain_words(operator, workspace, bench):
    page = operator
    answered = {
        401: "Check that it has this webhook's secret",
        302: "redirects are not followed",
        404: "There is nothing at this path",
        410: "so the webhook was disabled",
        429: "asked for less",
        500: "Its own log says why",
    }
    nobody = f"http://127.0.0.1:{free_port()}/"
    cases = {nobody: "Nothing listens at that address and port"}
    for status, words in answered.items():
        place = bench.endpoints.place()
        place.answer(status)
        cases[place.url] = words
    webhooks = [(workspace.webhook(url), words) for url, words in cases.items()]
    message = workspace.publish()
    for webhook, words in webhooks:
        webhook.finish(1)
        page.goto(webhook.url("logs", message))
        expect(page.get_by_role("region", name="Where it stands")).to_contain_text(words)


@pytest.fixture(scope="module")
def mixed(bench):
    """A webhook with five deliveries of several outcomes, to be looked at; its messages."""
    return mix(bench)


@pytest.fixture
def spent(bench):
    """Another such webhook, which may be changed."""
    return mix(bench)


def mix(bench):
    workspace, place = bench.workspace(), bench.endpoints.place()
    webhook = workspace.webhook(place.url, retrySchedule=[])
    messages = {}
    for number, (status, event) in enumerate(
        [
            (204, "invoice.paid"),
            (503, "invoice.paid"),
            (500, "order.created"),
            (404, "user.created"),
            (204, "user.created"),
        ],
        start=1,
    ):
        place.answer(status)
        messages[number] = workspace.publish(event, eventId=f"evt_{number}")
        webhook.finish(number)
    return webhook, messages


def test_filters_and_search(operator, mixed):
    page, (webhook, messages) = operator, mixed

    def shows(*numbers):
        expect(rows(page)).to_have_count(len(numbers))
        for place, number in enumerate(numbers):
            expect(rows(page).nth(place)).to_have_id(messages[number])

    page.goto(webhook.url("logs"))
    shows(5, 4, 3, 2, 1)
    page.get_by_label("State").focus()
    page.get_by_label("State").select_option("Failed")  # takes effect at once
    shows(4, 3, 2)
    expect(page.get_by_label("State")).to_be_focused()
    code = page.get_by_label("Code", exact=True)
    code.fill("5xx")
    code.press("Enter")
    shows(3, 2)
    code.fill("503")
    code.press("Enter")
    shows(2)
    page.get_by_role("link", name="Show all").click()
    shows(5, 4, 3, 2, 1)
    event = page.get_by_role("combobox", name="Event")
    event.fill("user.created")
    event.press("Enter")
    shows(5, 4)
    page.get_by_label("State").select_option("Delivered")
    shows(5)
    page.goto(webhook.url("logs"))

    search = page.get_by_label("Message or event id")
    for text in (messages[3], "evt_3"):
        search.fill(text)
        search.press("Enter")
        shows(3)
    search.fill(_NO_SUCH_MESSAGE)
    search.press("Enter")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()


def test_the_log_is_limited_to_a_time(operator, mixed):
    page, (webhook, _) = operator, mixed
    page.goto(webhook.url("logs"))
    now = datetime.now(UTC)
    earlier, ago, later = (f"{now + timedelta(hours=each):%Y-%m-%dT%H:%M}" for each in (-2, -1, 1))
    page.get_by_text("Limit the time").click()
    since, until = page.get_by_label("From (UTC)"), page.get_by_label("Until (UTC)")
    since.fill(later)
    since.press("Enter")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    since.fill(earlier)
    until.focus()  # leaving the field is enough
    expect(rows(page)).to_have_count(5)
    until.fill(earlier)
    until.press("Enter")
    expect(until).to_have_accessible_description("This must be later than From.")
    assert_accessible(page)
    until.fill(ago)
    until.press("Enter")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Show all deliveries").click()
    expect(rows(page)).to_have_count(5)


def test_what_cannot_be_read_is_told_beside_its_field(operator, mixed):
    page, (webhook, _) = operator, mixed
    page.goto(webhook.url("logs?code=teapot&event=no spaces&from=yesterday"))
    for label, words in (
        ("Code", "Write a code such as 503"),
        ("Event", "Write one event's whole name"),
        ("From (UTC)", "Write a time such as"),
    ):
        field = page.get_by_label(label, exact=True)
        expect(field).to_have_accessible_description(re.compile(words))
    expect(page.get_by_text("The filter cannot be read.")).to_be_visible()
    assert_accessible(page)


def test_all_that_failed_is_replayed(operator, spent, bench):
    page, (webhook, messages) = operator, spent
    place = bench.endpoints.place()
    webhook.change(url=place.url)
    page.goto(webhook.url("logs"))
    expect(page.get_by_role("main").get_by_text("Failed", exact=True)).to_have_count(4)
    page.locator("summary").filter(has_text="Replay all failed").click()
    expect(page.get_by_label("All that failed for good in")).to_have_value("604800")
    own = page.get_by_label("Or since a time of your own (UTC)")
    own.fill(f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="none failed for good")).to_be_visible()
    page.locator("summary").filter(has_text="Replay all failed").click()
    page.get_by_label("All that failed for good in").select_option("the last hour")
    page.get_by_role("button", name="Replay", exact=True).click()
    note = page.get_by_role("status").filter(has_text="3 deliveries are being sent again.")
    expect(note).to_be_visible()
    assert sorted(place.verified(3, webhook.secret)) == [messages[number] for number in (2, 3, 4)]
    for number in (2, 3, 4):
        row = page.locator(f"#{messages[number]}")
        expect(cell(row, "State")).to_have_text("Delivered")
        expect(cell(row, "Attempt")).to_have_text("2 of 2")


def test_a_menu_is_closed_by_escape_and_by_a_click_beside_it(operator, mixed):
    page, (webhook, _) = operator, mixed
    page.goto(webhook.url("logs"))
    summary = page.locator("summary").filter(has_text="Replay all failed")
    replay = page.get_by_role("button", name="Replay", exact=True)
    summary.focus()
    page.keyboard.press("Enter")
    expect(replay).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(replay).to_be_hidden()
    expect(summary).to_be_focused()
    summary.click()
    expect(replay).to_be_visible()
    page.get_by_role("heading", name="Logs").click()
    expect(replay).to_be_hidden()


def test_the_command_that_is_copied_sends_it_again_verified(operator, workspace, place):
    page, webhook = operator, workspace.webhook(place.url)
    tricky = '{"it\'s": "$HOME `id` \\\\ \U0001f600"}'
    message = workspace.publish_raw(tricky)
    place.wait_for(1)
    page.goto(webhook.url("logs", message))
    page.get_by_role("link", name="Copy as curl").click()
    expect(page.locator("#said")).to_have_text("Copied to the clipboard")
    command = page.evaluate("navigator.clipboard.readText()")
    ran = subprocess.run(["bash", "-c", command], capture_output=True, timeout=30, check=False)
    assert ran.returncode == 0, ran.stderr
    assert place.verified(2, webhook.secret) == [message, message]
    assert [body.decode() for _, body in place.received] == [tricky, tricky]


def failed_once(page, workspace, place):
    """Open the delivery of a message whose first attempt failed; return its webhook too."""
    webhook = workspace.webhook(place.url)
    place.answer(500)
    message = workspace.publish()
    webhook.finish(1)
    page.goto(webhook.url("logs", message))
    return page, webhook


def test_a_replay_that_fails_again_says_so(operator, workspace, place):
    page, webhook = failed_once(operator, workspace, place)
    page.get_by_role("button", name="Replay").click()
    webhook.finish(2)
    note = page.get_by_role("status").filter(has_text="sent again")
    expect(note).to_have_text("It was sent again, and failed again.")


def test_what_is_to_come_is_cancelled(operator, workspace, place):
    page, _ = failed_once(operator, workspace, place)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled: it will not be sent.")).to_be_visible()
    expect(badge(page)).to_have_text("Cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_older_deliveries_are_a_page_further(operator, workspace, place):
    page = operator
    webhook = workspace.webhook(place.url, disabled=True)  # held: none has to be sent
    messages = [workspace.publish() for _ in range(52)]
    page.goto(webhook.url("logs"))
    expect(rows(page)).to_have_count(50)
    page.get_by_role("link", name="Older deliveries").click()
    expect(rows(page)).to_have_count(2)
    expect(rows(page).last).to_have_id(messages[0])
    expect(page.get_by_text("Older deliveries do not change by themselves")).to_be_visible()
    page.get_by_role("link", name="Newest deliveries").click()
    expect(rows(page).first).to_have_id(messages[-1])


def test_a_time_is_typed_whole_before_it_counts(operator, mixed):
    page, (webhook, _) = operator, mixed
    page.goto(webhook.url("logs"))
    page.get_by_text("Limit the time").click()
    since = page.get_by_label("From (UTC)")
    since.focus()
    page.keyboard.type("01012020")
    page.keyboard.press("Tab")
    page.keyboard.type("1230AM")
    expect(since).to_have_value("2020-01-01T00:30")
    expect(page).to_have_url(webhook.url("logs"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("from=2020-01-01T00%3A30"))


@without_javascript
def test_the_log_without_javascript(operator, spent, bench, browsing):
    browsing.expect("favicon.ico")  # that of a page of text
    page, (webhook, messages) = operator, spent
    page.goto(webhook.url("logs"))
    page.get_by_label("State").select_option("Failed")
    page.get_by_label("Code", exact=True).fill("5xx")
    page.get_by_role("button", name="Filter").click()
    expect(rows(page)).to_have_count(2)
    place = bench.endpoints.place()
    webhook.change(url=place.url)
    rows(page).first.get_by_role("link").click()
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text(re.compile("sent again"))).to_be_visible()
    webhook.finish(6)
    page.locator("summary").filter(has_text="Request and response").first.click()
    expect(page.get_by_role("table", name="Headers of the request").first).to_be_visible()
    page.get_by_role("link", name="Copy as curl").click()
    command = page.locator("body").text_content()
    subprocess.run(["bash", "-c", command], capture_output=True, timeout=30, check=True)
    assert place.verified(2, webhook.secret) == [messages[3], messages[3]]
    page.goto(webhook.url("logs"))
    page.locator("summary").filter(has_text="Replay all failed").click()
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_text("2 deliveries are being sent again.")).to_be_visible()
    replayed = place.verified(4, webhook.secret)[2:]
    assert sorted(replayed) == [messages[2], messages[4]]
