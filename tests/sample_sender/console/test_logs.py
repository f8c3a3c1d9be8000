"""The log of a webhook: the list, what it is limited to, one delivery, and sending it again."""

import re
import shlex

import pytest

from hookseal import Verifier
from hookseal_sender.console import logs
from hookseal_sender.model import DeliveryState
from hookseal_sender.store import searching

pytestmark = pytest.mark.anyio
ROW = re.compile(r'<tr id="(\w+)">(.*?)</tr>', re.DOTALL)
on_both = pytest.mark.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)


def rows_of(page):
    """The messages listed, each with the words of its row."""
    plain = re.compile(r"<[^>]+>")
    return {found: " ".join(plain.sub(" ", row).split()) for found, row in ROW.findall(page.text)}


@pytest.fixture
def logs_path(hook):
    return f"{hook}/logs"


@pytest.fixture
async def log(endpoint, send, work, clock):
    """Return the messages of one delivery in each of five states, by the name of the state."""
    found = {}

    async def add(name, *attempt, event_type="user.created", retry_in=None, **fields):
        clock.advance(10)
        found[name] = await send(endpoint, event_type, event_id=f"event-{name}")
        if attempt:
            await work(*attempt, retry_in=retry_in, **fields)

    await add("delivered", 200)
    await add("failed", 500, event_type="invoice.paid")
    await add("silent", 0, reason="connection refused")
    await add("retrying", 503, retry_in=3600)
    await add("queued")
    return found


# --- the list ----------------------------------------------------------------------------------


@on_both
async def test_a_log_tells_how_each_delivery_went(customer, logs_path, log):
    page = await customer.get(logs_path)
    rows = rows_of(page)
    assert list(rows) == [each.id for each in reversed(log.values())]
    told = {
        "delivered": ("Delivered", "200", "7 ms", "1 of 3"),
        "failed": ("Failed", "500", "invoice.paid", "The endpoint answered 500."),
        "silent": ("Failed", "none", "Connection refused."),
        "retrying": ("Retrying", "503", "1 of 3", "in 59 min"),
        "queued": ("Queued", "0 of 3"),
    }
    for name, words in told.items():
        assert all(each in rows[log[name].id] for each in words), rows[log[name].id]
    live = await customer.get(f"{logs_path}/list")
    assert rows_of(live) == rows
    assert "<html" not in live.text


QUERIES = [
    ("state=failed", ["silent", "failed"]),
    ("state=retrying", ["retrying"]),
    ("state=delivered", ["delivered"]),
    ("state=held", []),
    ("code=503", ["retrying"]),
    ("code=5xx", ["retrying", "failed"]),
    ("code=2XX", ["delivered"]),
    ("code=none", ["silent"]),
    ("code=404", []),
    ("event=invoice.paid", ["failed"]),
    ("event=none", []),
    ("state=failed&event=user.created&code=none", ["silent"]),
    ("from=2027-01-15T08:00:35", ["queued", "retrying"]),
    ("to=2027-01-15T08:00:15Z", ["delivered"]),
    ("from=2027-01-15T09:00:15%2B01:00&to=2027-01-15T08:00:25", ["failed"]),
    ("from=", ["queued", "retrying", "silent", "failed", "delivered"]),
    ("id=event-failed", ["failed"]),
    ("id=event-failed&state=failed&code=5xx", ["failed"]),
    ("id=event-failed&state=delivered&code=200", []),
    ("id=none", []),
    ("id=msg_none", []),
    ("id=%00", ["queued", "retrying", "silent", "failed", "delivered"]),
    ("behind=%00", ["queued", "retrying", "silent", "failed", "delivered"]),
    ("behind=a", []),
]


@on_both
async def test_a_log_is_limited_by_its_query(customer, logs_path, log):
    for query, names in QUERIES:
        for path in (logs_path, f"{logs_path}/list"):
            page = await customer.get(f"{path}?{query}")
            assert page.status == 200
            assert list(rows_of(page)) == [log[name].id for name in names], query


async def test_a_message_is_found_by_its_id(customer, logs_path, log, make_endpoint, app, send):
    page = await customer.get(f"{logs_path}?id=+{log['silent'].id}+")
    assert list(rows_of(page)) == [log["silent"].id]
    elsewhere = await send(await make_endpoint(app.id))
    page = await customer.get(f"{logs_path}?id={elsewhere.id}")
    assert rows_of(page) == {}
    assert "Nothing matches" in page.words


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("code=x", {"code"}),
        ("code=50", {"code"}),
        ("code=%D9%A3%D9%A3%D9%A3", {"code"}),
        ("event=a+b", {"event"}),
        ("event=invoice.*", {"event"}),
        ("from=2026-11-28T10:00&to=2026-11-27T10:00", {"to"}),
        ("from=2026-11-28T10:00&to=2026-11-28T10:00", {"to"}),
        ("from=yesterday", {"from"}),
        ("to=2026-13-01", {"to"}),
        ("to=9999-12-31T23:59:59-23:59&from=0001-01-01T00:00%2B23:59", set()),
        ("state=lost", {"state"}),
        ("state=x&code=x&event=*&from=x&to=x", {"state", "code", "event", "from", "to"}),
    ],
)
async def test_what_cannot_be_read_is_told_beside_its_field(
    customer, logs_path, log, query, faults
):
    page = await customer.get(f"{logs_path}?{query}")
    assert page.status == 200
    if faults:
        assert set(page.faults) == faults
        assert rows_of(page) == {}
        assert "hx-get" not in page.text.partition('id="log"')[2].partition(">")[0]
        assert "Live" not in page.words


async def test_an_empty_log_says_what_to_do(customer, logs_path):
    page = await customer.get(logs_path)
    assert "Nothing was sent yet" in page.words


@on_both
async def test_a_log_has_pages(customer, logs_path, log, monkeypatch):
    monkeypatch.setattr(logs, "_LISTED", 2)
    found, path = [], f"{logs_path}?event=user.created"
    for _ in range(2):
        page = await customer.get(path)
        found.append(list(rows_of(page)))
        older = re.findall(r'href="/console([^"]+behind=[^"]+)"', page.text)
        path = older[0] if older else None
    names = [["queued", "retrying"], ["silent", "delivered"]]
    assert found == [[log[name].id for name in each] for each in names]
    assert path is None
    first = await customer.get(logs_path)
    (older,) = re.findall(r'href="/console([^"]+behind=[^"]+)"', first.text)
    assert "?behind=" in older
    newest = re.compile(r'href="/console([^"]+)">Newest deliveries<')
    assert newest.findall(first.text) == []
    assert newest.findall((await customer.get(older)).text) == [logs_path]
    assert newest.findall((await customer.get(f"{older}&code=200")).text) == [
        f"{logs_path}?code=200"
    ]
    assert (
        "hx-get" not in (await customer.get(older)).text.partition('id="log"')[2].partition(">")[0]
    )


async def test_a_search_that_ended_says_how_far_it_looked(customer, logs_path, log, monkeypatch):
    monkeypatch.setattr(searching, "SEARCHED", 2)
    page = await customer.get(f"{logs_path}?code=200")
    assert rows_of(page) == {}
    assert "Looked back to 2027-01-15" in page.words
    (further,) = re.findall(r'href="/console([^"]+behind=[^"]+)"', page.text)
    assert "code=200&behind=msg_" in further


async def test_what_was_done_is_said_and_nothing_else_is(customer, logs_path):
    assert "3 deliveries are" in (await customer.get(f"{logs_path}?said=replayed-3")).words
    assert "1 delivery is" in (await customer.get(f"{logs_path}?said=replayed-1")).words
    assert "none failed for good" in (await customer.get(f"{logs_path}?said=replayed-0")).words
    assert "disabled" in (await customer.get(f"{logs_path}?said=disabled")).words
    for said in ("replayed-Call 555 EVIL.", "EVIL", "replayed-" + "9" * 10):
        page = await customer.get(logs_path, params={"said": said})
        assert "EVIL" not in page.text
        assert "being sent again" not in page.words


# --- one delivery ------------------------------------------------------------------------------


@on_both
async def test_a_delivery_tells_its_attempts_and_what_comes_next(
    customer, logs_path, endpoint, send, work, clock
):
    message = await send(endpoint, "invoice.paid", event_id="inv-1")
    path = f"{logs_path}/{message.id}"
    queued = await customer.get(path)
    assert "0 of 3" in queued.words
    assert "None yet" in queued.words
    await work(500, retry_in=5, response='{"why": "<b>no</b>"}', response_headers=(("X-A", "b"),))
    clock.advance(5)
    await work(0, retry_in=300, reason="timed out after 20 s")
    page = await customer.get(path)
    for told in (
        "invoice.paid", "inv-1", message.id, "2 of 3", "in 5 min", "Timed out after 20 s.",
        "Answer 2xx as soon as", "500 Internal Server Error", "Its own log says why", "X-A b",
        "There was none: timed out after 20 s.",
    ):  # fmt: skip
        assert told in page.words, told
    assert "<b>no</b>" not in page.answer.text
    assert page.words.index("Attempt 2") < page.words.index("Attempt 1")
    live = await customer.get(f"{path}/live")
    assert live.text.strip() in page.text
    clock.advance(300)
    await work(200)
    done = await customer.get(path)
    assert "3 of 3" in done.words
    assert 'class="note bad"' not in done.answer.text


async def test_the_place_in_the_schedule_counts_from_when_it_was_last_asked_for(
    customer, logs_path, app, endpoint, store, send, work, make_endpoint
):
    message = await send(endpoint)
    for _ in range(3):
        await work(500)
        await store.resend(app.id, message.id, endpoint.id)
    page = await customer.get(f"{logs_path}/{message.id}")
    assert "3 of 6" in page.words
    await work(200)
    assert "4 of 6" in (await customer.get(f"{logs_path}/{message.id}")).words
    assert "because somebody asked" in (await customer.get(f"{logs_path}/{message.id}")).words
    once = await make_endpoint(app.id, retry_schedule=())
    message = await send(once)
    page = await customer.get(f"/app/{app.id}/webhooks/{once.id}/logs/{message.id}")
    assert "0 of 1" in page.words


async def test_only_the_newest_attempts_are_shown(
    customer, logs_path, endpoint, store, send, work, monkeypatch, clock
):
    monkeypatch.setattr(logs, "_ATTEMPTS", 2)
    message = await send(endpoint)
    for _ in range(3):
        await work(500)
        clock.advance(1)
        await store.resend(endpoint.app_id, message.id, endpoint.id)
    page = await customer.get(f"{logs_path}/{message.id}")
    assert re.findall(r"Attempt (\d)", page.words) == ["3", "2"]
    assert "the newest 2" in page.words


SECRET_HEADERS = {
    "Authorization": "Bearer hunter2",
    "X-Api-Key": "hunter2",
    "Cookie": "hunter2",
    "X-Tenant": "acme",
    "Accept": "text/plain",
}


@pytest.fixture
async def headed(store, app, endpoint):
    await store.change_headers(app.id, endpoint.id, lambda _: SECRET_HEADERS)
    return await store.endpoint(app.id, endpoint.id)


async def test_a_request_is_shown_without_what_may_be_a_credential(
    customer, logs_path, headed, send, work
):
    message = await send(headed, content_type="application/cloudevents+json")
    await work(500)
    page = await customer.get(f"{logs_path}/{message.id}")
    fields = re.findall(r'<tr><th scope="row">([\w-]+)</th><td>(.*?)</td></tr>', page.text)
    shown = {}
    for name, value in fields[1:]:  # behind POST and the URL
        assert name.lower() not in {each.lower() for each in shown}, name
        shown[name] = value
    assert "hunter2" not in page.answer.text
    assert (shown["X-Tenant"], shown["Accept"]) == ("acme", "text/plain")
    assert shown["Authorization"] == shown["X-Api-Key"] == shown["Cookie"]
    assert shown["webhook-id"] == shown["svix-id"] == message.id
    assert shown["webhook-timestamp"] == "1800000000"
    assert shown["content-type"] == "application/cloudevents+json"
    assert "not kept" in shown["webhook-signature"]
    assert "not kept" in shown["svix-signature"]


async def test_a_command_sends_it_again_signed_now(customer, logs_path, headed, send, clock):
    message = await send(headed, payload='{"a":"it\'s é"}'.encode())
    clock.advance(1000)
    page = await customer.get(f"{logs_path}/{message.id}/curl")
    assert page.answer.headers["content-type"].startswith("text/plain")
    assert "hunter2" not in page.answer.text
    words = shlex.split(page.answer.text.replace("\\\n", " "))
    fields = [words[place + 1] for place, word in enumerate(words) if word == "--header"]
    headers = dict(each.split(": ", 1) for each in fields)
    assert len(headers) == len({name.lower() for name in headers})
    assert (words[0], headed.url in words) == ("curl", True)
    assert (headers["X-Tenant"], headers["Authorization"]) == ("acme", "...")
    body = words[words.index("--data-raw") + 1].encode()
    assert body == message.payload
    verified = Verifier(headed.secrets[0].key).verify(headers, body, now=clock())
    assert verified.id == message.id


async def test_what_was_removed_is_said_and_not_sent(
    customer, logs_path, app, endpoint, store, send, work
):
    message = await send(endpoint, payload=b'{"removed":1}')
    await work(500)
    await store.expunge_message(app.id, message.id)
    path = f"{logs_path}/{message.id}"
    page = await customer.get(path)
    assert page.status == 200
    assert "removed" in page.words
    assert re.search(r"<button[^>]* disabled>[^<]*(<svg.*?</svg>)?Replay", page.text)
    assert (await customer.get(f"{path}/curl")).status == 404
    assert (await customer.submit(f"{path}/replay")).to == f"{path}?said=busy"


async def test_a_large_body_is_shown_in_part_until_all_is_asked_for(
    customer, logs_path, endpoint, send
):
    message = await send(endpoint, payload=b'{"a":"' + b"x" * 100_000 + b'"}')
    path = f"{logs_path}/{message.id}"
    part, whole = await customer.get(path), await customer.get(f"{path}?show=all")
    assert "x" * 100_000 not in part.text
    assert "x" * 100_000 in whole.text
    assert "show=all" in part.text


HOSTILE = [
    b"<script>alert(1)</script>", b'{"a":"</pre><script>alert(1)</script>"}', b"\xff\xfe\x00",
    b"\xe2\x80\xaegpj", b"x" * (1 << 20), b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b"",
]  # fmt: skip


async def test_a_hostile_body_does_nothing_to_the_page(customer, logs_path, endpoint, send, work):
    for payload in HOSTILE:
        message = await send(endpoint, payload=payload)
        await work(500, response=payload[:20_000].decode("utf-8", "replace").replace("\0", ""))
        for query in ("", "?show=all", "/live", "/curl"):
            page = await customer.get(f"{logs_path}/{message.id}{query}")
            assert page.status == 200
            if query != "/curl":
                assert "<script>alert" not in page.answer.text
                assert "\u202e" not in page.answer.text


async def test_a_delivery_that_is_none_is_not_shown(customer, logs_path, app, send, make_endpoint):
    elsewhere = await send(await make_endpoint(app.id))
    for path in ("", "/live"):
        assert (await customer.get(f"{logs_path}/{elsewhere.id}{path}")).status == 404
        assert (await customer.get(f"{logs_path}/msg_none{path}")).status == 404
    for path in ("curl", "replay", "cancel"):
        ask = customer.get if path == "curl" else customer.submit
        assert (await ask(f"{logs_path}/none/{path}")).status == 404


# --- sending again, and ending -----------------------------------------------------------------


async def test_one_is_sent_again(customer, logs_path, app, endpoint, store, log, work):
    path = f"{logs_path}/{log['failed'].id}"
    page = await customer.submit(f"{path}/replay")
    assert page.to == f"{path}?said=replayed"
    assert "being sent again" in (await customer.get(page.to)).words
    delivery = await store.delivery(app.id, log["failed"].id, endpoint.id)
    assert delivery.state is DeliveryState.READY
    await store.claim(limit=100, per_endpoint=100, lease=30)
    assert (await customer.submit(f"{path}/replay")).to == f"{path}?said=busy"


async def test_what_is_said_of_a_replay_follows_what_comes_of_it(customer, logs_path, log, work):
    path = f"{logs_path}/{log['failed'].id}"
    page = await customer.submit(f"{path}/replay")
    live = re.search(r'hx-get="/console([^"]+)"', (await customer.get(page.to)).text)[1]
    assert live == f"{path}/live?said=replayed"
    for status, retry_in, told in (
        (None, None, "It is being sent again."),
        (500, 3600, "It was sent again, and failed again."),
        (500, None, "It was sent again, and failed again."),
        (200, None, "It was sent again, and arrived."),
    ):
        if status:
            await customer.submit(f"{path}/replay")
            await work(status, retry_in=retry_in)
        assert told in (await customer.get(live)).words
    assert "sent again" not in (await customer.get(f"{path}/live")).words


async def test_nothing_is_sent_again_to_a_webhook_that_is_disabled(customer, hook, logs_path, log):
    await customer.submit(f"{hook}/disable")
    path = f"{logs_path}/{log['failed'].id}"
    assert (await customer.submit(f"{path}/replay")).to == f"{path}?said=disabled"
    shown = await customer.get(path)
    assert "To replay this, enable it first." in shown.words
    assert f'<a href="/console{hook}">enable it</a>' in shown.text
    page = await customer.submit(f"{logs_path}/replay", since="3600")
    assert page.to == f"{logs_path}?said=disabled"
    assert re.search(r"<button[^>]* disabled", (await customer.get(logs_path)).text)


async def test_all_that_failed_lately_are_sent_again(
    customer, logs_path, endpoint, store, log, clock, send, work
):
    app_id = endpoint.app_id
    clock.advance(3600)
    late = await send(endpoint)
    await work(400)  # and those that were retrying and queued
    before = await store.delivery(app_id, log["failed"].id, endpoint.id)
    page = await customer.submit(f"{logs_path}/replay", since="3600")
    assert page.to == f"{logs_path}?said=replayed-3"
    assert await store.delivery(app_id, log["failed"].id, endpoint.id) == before
    assert (await store.delivery(app_id, late.id, endpoint.id)).state is DeliveryState.READY
    page = await customer.submit(f"{logs_path}/replay", since="86400")
    assert page.to.startswith(f"{logs_path}?said=replayed-")
    for name in ("failed", "silent"):
        state = (await store.delivery(app_id, log[name].id, endpoint.id)).state
        assert state is DeliveryState.READY


DEFAULT_SCHEDULE = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)


async def test_what_used_up_its_schedule_just_now_failed_in_the_last_hour(
    sign_in, logs_path, endpoint, send, work, clock
):
    await send(endpoint)
    for wait in DEFAULT_SCHEDULE:
        assert await work(503, retry_in=wait) == 1
        clock.advance(wait + 1)
    await work(503)
    operator = await sign_in()
    page = await operator.submit(f"{logs_path}/replay", since="3600")
    assert page.to == f"{logs_path}?said=replayed-1"


@on_both
async def test_all_that_failed_since_a_time_are_sent_again(customer, logs_path, log):
    """The last attempts were at 08:00:20 and 08:00:30."""
    for moment, count in (
        ("2027-01-15T08:00:30", 0),
        ("2027-01-15T08:00:29", 1),
        ("2027-01-15T08:00", 1),
    ):
        page = await customer.submit(f"{logs_path}/replay", since="3600", moment=moment)
        assert page.to == f"{logs_path}?said=replayed-{count}", moment


async def test_a_time_that_is_no_choice_sends_nothing(
    customer, logs_path, app, endpoint, store, log
):
    refused = f"{logs_path}?said=no-time"
    for since in ("", "1", "-3600", "9" * 400):
        assert (await customer.submit(f"{logs_path}/replay", since=since)).to == refused
    page = await customer.submit(f"{logs_path}/replay", since="3600", moment="yesterday")
    assert page.to == refused
    assert "Nothing was sent: choose a time" in (await customer.get(refused)).words
    state = (await store.delivery(app.id, log["failed"].id, endpoint.id)).state
    assert state is DeliveryState.FAILED


async def test_what_is_to_come_is_ended(customer, logs_path, app, endpoint, store, log):
    path = f"{logs_path}/{log['retrying'].id}"
    page = await customer.submit(f"{path}/cancel")
    assert page.to == f"{path}?said=cancelled"
    shown = await customer.get(page.to)
    assert "Cancelled" in shown.words
    assert f'action="/console{path}/cancel"' not in shown.text
    state = (await store.delivery(app.id, log["retrying"].id, endpoint.id)).state
    assert state is DeliveryState.CANCELLED
    delivered = f"{logs_path}/{log['delivered'].id}"
    late = await customer.submit(f"{delivered}/cancel")
    assert "Nothing was left to cancel" in (await customer.get(late.to)).words
    state = (await store.delivery(app.id, log["delivered"].id, endpoint.id)).state
    assert state is DeliveryState.SUCCEEDED


async def test_what_is_held_waits_for_enabling(customer, hook, logs_path, endpoint, send):
    await customer.submit(f"{hook}/disable")
    message = await send(endpoint)
    row = rows_of(await customer.get(logs_path))[message.id]
    assert "Held" in row
    assert "on enabling" in row
    page = await customer.get(f"{logs_path}/{message.id}")
    assert "when the webhook is enabled" in page.words
