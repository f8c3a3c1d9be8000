"""Each page of the console: accessible in both themes, and pictured for the docs."""

from __future__ import annotations

import random

import pytest
from playwright.sync_api import expect

from tests.pages.axe import assert_accessible
from tests.pages.browsing import screenshot
from tests.pages.consoling import benches

pytestmark = pytest.mark.acceptance
_BUSY = random.Random(8)
_WAVE = (4, 3, 2, 2, 3, 6, 12, 25, 44, 58, 63, 60, 52, 57, 66, 71, 64, 55, 41, 30, 22, 15, 9, 6)
_DAY_MS = 86_400_000
_DOWN = b'{"error":"down for maintenance","until":"2026-11-27T12:00:00Z"}'


def day(scale, failing=None):
    """Return good and bad attempts by hour, as a day has them; ``failing``: shares by hour."""
    hours = [round(scale * each * _BUSY.uniform(0.8, 1.2)) for each in _WAVE]
    bad = [round(count * (failing or {}).get(hour, 0)) for hour, count in enumerate(hours)]
    return [(count - lost, lost) for count, lost in zip(hours, bad, strict=True)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    settings = {"retry_schedule": "1,300,1800,7200", "public_url": "https://hooks.example"}
    with benches(tmp_path_factory.mktemp("console"), **settings) as one:
        yield one


@pytest.fixture
def operator(bench, page):
    """A page of an operator who is signed in."""
    return bench.enter(page)


@pytest.fixture(scope="module")
def acme(bench):
    """A workspace with webhooks that have had a day: its webhooks by name."""
    for days, (name, uid, plan) in enumerate(
        (
            ("Northwind Traders", "cus_northwind", "enterprise"),
            ("Initech", "cus_initech", "starter"),
            ("Acme GmbH", "cus_acme", "enterprise"),
        )
    ):
        workspace = bench.workspace(name, uid=uid, plan=plan)
        since = "UPDATE application SET created_ms = created_ms - ? WHERE id = ?"
        bench.sql(since, (90 - 30 * days) * _DAY_MS, workspace.id)
    made = {}
    for name, path, events, hours in (
        ("Data warehouse", "/ingest/events", None, day(3)),
        ("Old ERP", "/soap/bridge", ["order.*"], day(0.4)),
        ("Shipping labels", "/hooks/labels", ["order.shipped"], day(0.3)),
        ("Declined cards", "/hooks/cards", ["invoice.payment_failed", "user.deleted"], day(0.05)),
        ("Billing", "/webhooks/billing", ["invoice.*"], day(1, {10: 0.3, 11: 0.6, 12: 0.1})),
    ):
        made[name] = workspace.webhook(bench.endpoints.place(path).url, name, eventTypes=events)
        bench.count(made[name], hours)
    made["Old ERP"].change(disabled=True)
    return made


@pytest.fixture(scope="module")
def billing(bench, acme):
    """A webhook whose log has something of everything, and its newest message, which failed."""
    webhook = acme["Billing"]
    workspace = webhook.workspace
    place = bench.endpoints.place("/webhooks/billing")
    made, count = [], 0
    for status, event, attempts in (
        *((204, event, 1) for event in ("invoice.paid", "invoice.voided", "invoice.paid")),
        (404, "invoice.paid", 2),
        *((204, event, 1) for event in ("invoice.paid", "invoice.voided", "invoice.paid")),
        (503, "invoice.payment_failed", 2),
        (503, "invoice.paid", 2),
    ):
        place.answer(status, _DOWN if status == 503 else b"", content_type="application/json")
        body = {"id": f"in_48{len(made):02}", "amount": 1999, "currency": "EUR"}
        made.append(workspace.publish(event, body, eventId=f"evt_{len(made)}"))
        count += attempts
        webhook.finish(count)
    look_older(bench, made)
    return webhook, made[-1]


def look_older(bench, messages):
    """Spread the messages over the last hours, and have them sent to where people have them."""
    for number, message in enumerate(reversed(messages)):
        earlier = (number + 1) ** 2 * 70_000
        bench.sql("UPDATE message SET created_ms = created_ms - ? WHERE id = ?", earlier, message)
        took = "started_ms = started_ms - ?, duration_ms = duration_ms + ?"
        more = _BUSY.randint(20, 190)
        bench.sql(f"UPDATE attempt SET {took} WHERE msg_id = ?", earlier, more, message)
        ended = "state = 3, due_ms = NULL, attempts = 5, tries = 5"
        bench.sql(f"UPDATE delivery SET {ended} WHERE msg_id = ? AND last_status = 404", message)
        last = "WHERE msg_id = ? AND status = 404 AND number = 2"
        bench.sql(f"UPDATE attempt SET number = 5 {last}", message)
    bench.sql("UPDATE endpoint SET failing_since_ms = failing_since_ms - 280000")
    here, there = f"http://127.0.0.1:{bench.endpoints.port}", "https://api.acme.example"
    for table in ("endpoint", "attempt"):
        bench.sql(f"UPDATE {table} SET url = replace(url, ?, ?)", here, there)


def is_fine(page, name, **more):
    """Assert that the page is accessible in both themes, and picture it."""
    assert_accessible(page)
    screenshot(page, f"console-{name}", **more)


def test_signing_in(page, bench):
    page.goto(bench.base)
    is_fine(page, "sign-in")


def test_workspaces(operator, bench, acme):
    operator.goto(f"{bench.console}/workspaces")
    is_fine(operator, "workspaces")


def test_a_workspace(operator, acme):
    operator.goto(acme["Billing"].workspace.url())
    is_fine(operator, "workspace")


def test_the_gate(operator, bench):
    operator.goto(bench.workspace("Initech", plan="starter").url("webhooks"))
    is_fine(operator, "upsell")


def test_no_webhooks_yet(operator, bench):
    operator.goto(bench.workspace("Umbrella").url("webhooks"))
    is_fine(operator, "empty")


def test_the_list(operator, billing):
    webhook, _ = billing
    operator.goto(webhook.workspace.url("webhooks"))
    is_fine(operator, "webhooks")


def test_creating(operator, acme, bench, browsing):
    page = operator
    browsing.expect("status of 422")
    page.goto(bench.workspace("Acme GmbH").url("webhooks", "new"))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    is_fine(page, "create-faults")
    page.get_by_label("Name", exact=True).fill("Billing")
    page.get_by_role("button", name="Test in Play").click()
    expect(page.get_by_text("A private URL was made and filled in")).to_be_visible()
    page.get_by_label("Only these").check()
    page.get_by_label("Find an event").fill("inv")
    page.get_by_role("checkbox", name="invoice.*").check()
    page.get_by_label("Find an event").fill("")
    page.locator("summary").filter(has_text="Kind of signature").click()
    assert_accessible(page)
    page.locator("summary").filter(has_text="Kind of signature").click()
    page.evaluate("scrollTo(0, 0)")
    is_fine(page, "create")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Webhook created")).to_be_visible()
    is_fine(page, "created")
    for framework in ("Django", "Flask", "Express"):
        page.get_by_text(framework, exact=True).click()
        assert_accessible(page)


def test_a_webhook(operator, billing):
    webhook, _ = billing
    operator.goto(webhook.url())
    is_fine(operator, "webhook")


def test_a_webhook_that_is_disabled(operator, acme):
    operator.goto(acme["Old ERP"].url())
    is_fine(operator, "disabled")


def test_editing(operator, billing):
    webhook, _ = billing
    operator.goto(webhook.url("edit"))
    is_fine(operator, "edit")


def test_the_dialogs(operator, billing):
    page, (webhook, _) = operator, billing
    for link, name in (("Delete", "delete"), ("Rotate the secret", "rotate")):
        page.goto(webhook.url(name))
        assert_accessible(page)  # the page that it is without script
        page.goto(webhook.url())
        page.get_by_role("link", name=link).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        is_fine(page, name)
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    expect(page.get_by_role("heading", name="Secret rotated")).to_be_visible()
    is_fine(page, "rotated")


def test_the_log(operator, billing):
    page, (webhook, _) = operator, billing
    page.goto(webhook.url("logs"))
    is_fine(page, "logs")
    page.locator("summary").filter(has_text="Replay all failed").click()
    assert_accessible(page)


def test_a_delivery(operator, billing):
    page, (webhook, newest) = operator, billing
    page.goto(webhook.url("logs", newest))
    is_fine(page, "delivery")
    page.locator("summary").filter(has_text="Request and response").first.click()
    page.locator(".timeline").scroll_into_view_if_needed()
    is_fine(page, "attempt")


def test_a_phone(browsing, bench, billing):
    webhook, newest = billing
    page = bench.enter(browsing.open(screen="phone"))
    page.goto(webhook.url("logs"))
    screenshot(page, "console-phone-logs")
    page.goto(webhook.workspace.url("webhooks"))
    screenshot(page, "console-phone-webhooks")
    page.goto(webhook.url("logs", newest))
    screenshot(page, "console-phone-delivery")
