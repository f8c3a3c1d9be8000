"""Changing a webhook: its settings, whether it is enabled, its secret, its end, a test event."""

import asyncio
import json
import re
from dataclasses import replace

import pytest

from hookseal import generate_secret
from hookseal_sender.api.secrets import new_secret, public_key
from hookseal_sender.errors import NotFound
from hookseal_sender.model import DeliveryState, EndpointDraft
from hookseal_sender.store import LogFilter, MessageFilter, PageRequest
from tests.sample_sender.console.conftest import ENDPOINT_URL, PUBLIC_URL

pytestmark = pytest.mark.anyio
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")
FULL = EndpointDraft(
    url=ENDPOINT_URL,
    name="Full",
    description="for Ann",
    uid="full",
    event_types=("invoice.*", "user.created"),
    channels=("eu",),
    throttle_rate=17,
    retry_schedule=(1.5, 60.0),
    timeout=2.5,
    metadata={"a": "b"},
)


@pytest.fixture
async def full(store, app, event_type):
    """An endpoint with all that can be set, by the API too."""
    await event_type("user.created")
    return await store.create_endpoint(app.id, FULL, new_secret("v1"), {"X-Note": "kept"})


@pytest.fixture
def full_hook(app, full):
    return f"/app/{app.id}/webhooks/{full.id}"


def filled(page):
    """What a browser sends of a form that nobody touched."""
    fields = dict(
        re.findall(r'<input [^>]*name="(\w+)" type="\w+"[^>]* value="([^"]*)"', page.text)
    )
    fields |= dict(re.findall(r'type="radio" name="(\w+)" value="(\w+)" checked', page.text))
    boxes = re.findall(r'type="checkbox" name="event" value="([^"]+)" checked', page.text)
    patterns = re.search(r'<textarea id="patterns"[^>]*>\n?(.*?)</textarea>', page.text, re.DOTALL)
    return {**fields, "csrf": page.csrf, "event": boxes, "patterns": patterns[1]}


# --- settings ----------------------------------------------------------------------------------


async def test_a_form_that_nobody_touched_changes_nothing(customer, store, app, full, full_hook):
    fields = filled(await customer.get(f"{full_hook}/edit"))
    assert (fields["timeout"], fields["throttle"]) == ("2.5", "17")
    page = await customer.post(f"{full_hook}/edit", fields)
    assert page.to == f"{full_hook}?said=saved"
    found = await store.endpoint(app.id, full.id)
    assert set(found.event_types) == set(full.event_types)
    assert replace(found, event_types=full.event_types, updated_ms=full.updated_ms) == full


async def test_what_is_written_is_kept(customer, store, app, full, full_hook):
    fields = {
        "name": "New", "url": "https://example.com/new", "description": "", "events": "all",
        "event": ["a"], "throttle": "", "timeout": "30",
    }  # fmt: skip
    await customer.submit(f"{full_hook}/edit", **fields)
    found = await store.endpoint(app.id, full.id)
    assert (found.name, found.url, found.description) == ("New", "https://example.com/new", "")
    assert (found.event_types, found.throttle_rate, found.timeout) == (None, None, 30)
    assert (found.uid, found.channels, found.retry_schedule) == ("full", ("eu",), (1.5, 60.0))
    assert (found.metadata, found.headers) == ({"a": "b"}, {"X-Note": "kept"})


async def test_a_field_that_is_left_out_stays(customer, store, app, full, full_hook):
    await customer.submit(f"{full_hook}/edit", name="New", url=full.url)
    found = await store.endpoint(app.id, full.id)
    assert (found.throttle_rate, found.timeout) == (17, 2.5)


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"name": ""}, {"name"}),
        ({"url": ""}, {"url"}),
        ({"url": "ftp://example.com/"}, {"url"}),
        ({"url": "http://169.254.169.254/"}, {"url"}),
        ({"throttle": "x"}, {"throttle"}),
        ({"throttle": "0"}, {"throttle"}),
        ({"throttle": "1.5"}, {"throttle"}),
        ({"throttle": "65536"}, {"throttle"}),
        ({"throttle": "-1", "timeout": "1e9"}, {"throttle", "timeout"}),
        ({"timeout": "0"}, {"timeout"}),
        ({"timeout": "61"}, {"timeout"}),
        ({"timeout": "9" * 5000}, {"timeout"}),
        ({"timeout": "٣"}, {"timeout"}),
        ({"events": "some"}, {"events"}),
        ({"description": "a\0"}, {"description"}),
    ],
)
async def test_a_fault_is_beside_its_field(customer, store, app, endpoint, hook, fields, faults):
    given = {"name": "n", "url": ENDPOINT_URL, **fields}
    page = await customer.submit(f"{hook}/edit", **given)
    assert (page.status, set(page.faults)) == (422, faults)
    assert await store.endpoint(app.id, endpoint.id) == endpoint


async def test_a_url_that_was_good_once_need_not_be_again(customer, store, app, make_endpoint):
    """The sender's rules may have changed meanwhile; what is not touched is not judged."""
    endpoint = await make_endpoint(app.id, url="http://10.0.0.1/")
    hook = f"/app/{app.id}/webhooks/{endpoint.id}"
    page = await customer.submit(f"{hook}/edit", name="New", url="http://10.0.0.1/")
    assert page.status == 303
    assert (await store.endpoint(app.id, endpoint.id)).name == "New"


async def test_a_webhook_that_is_moved_to_play_shares_its_secrets(customer, app, hook, play):
    filled_in = await customer.submit(f"/app/{app.id}/webhooks/new", do="play")
    url = re.search(rf"{PUBLIC_URL}/play/in/[\w-]+", filled_in.text)[0]
    await customer.submit(f"{hook}/edit", name="n", url=url)
    one = await play.store.bin_to_capture(url.rpartition("/")[2], 0)
    assert len(one.secrets) == 1


@pytest.fixture
async def inspected(customer, app, store):
    """A webhook that leads to an inspector, and the inspector's token."""
    filled_in = await customer.submit(f"/app/{app.id}/webhooks/new", do="play")
    url = re.search(rf"{PUBLIC_URL}/play/in/[\w-]+", filled_in.text)[0]
    await customer.submit(f"/app/{app.id}/webhooks/new", name="n", url=url, once="1")
    page = await store.endpoints(app.id, PageRequest(limit=1, descending=True))
    return page.items[0], url.rpartition("/")[2]


@pytest.mark.parametrize("act", ["edit", "delete"])
async def test_a_webhook_that_leaves_play_takes_its_secrets_along(
    customer, app, play, inspected, act
):
    webhook, token = inspected
    path = f"/app/{app.id}/webhooks/{webhook.id}"
    assert (await play.store.bin_to_capture(token, 0)).secrets == (webhook.secrets[0].key,)
    await customer.submit(f"{path}/edit", name="m", url=webhook.url)
    assert (await play.store.bin_to_capture(token, 0)).secrets == (webhook.secrets[0].key,)
    await customer.submit(f"{path}/{act}", name="m", url=ENDPOINT_URL)
    assert (await play.store.bin_to_capture(token, 0)).secrets == ()


async def test_webhooks_at_one_inspector_share_it(customer, app, store, play, inspected, clock):
    first, token = inspected
    path = f"/app/{app.id}/webhooks"

    async def secrets():
        return set((await play.store.bin_to_capture(token, 0)).secrets)

    clock.advance(1)  # ids of one moment are in no order
    await customer.submit(f"{path}/new", name="m", url=first.url, once="2", signing="v1a")
    second = (await store.endpoints(app.id, PageRequest(descending=True))).items[0]
    both = {first.secret, public_key(second.secret)}
    assert await secrets() == both
    await customer.submit(f"{path}/{first.id}/rotate", once="3", overlap="3600")
    newest = (await store.endpoint(app.id, first.id)).secret
    assert await secrets() == both | {newest}
    await customer.submit(f"{path}/{second.id}/edit", name="m", url=ENDPOINT_URL)
    assert await secrets() == {first.secret, newest}
    await customer.submit(f"{path}/{second.id}/edit", name="m", url=first.url)
    await customer.submit(f"{path}/{first.id}/delete")
    assert await secrets() == {public_key(second.secret)}


async def test_what_somebody_else_set_in_play_stays(customer, app, play, inspected):
    webhook, token = inspected
    own = generate_secret()
    await play.set_secrets(await play.store.bin_to_capture(token, 0), own)
    await customer.submit(f"/app/{app.id}/webhooks/{webhook.id}/delete")
    assert (await play.store.bin_to_capture(token, 0)).secrets == (own,)


async def test_without_play_there_is_nobody_to_share_with(sign_in, make_console, hook):
    browser = await sign_in(make_console(playing=False))
    page = await browser.submit(f"{hook}/edit", name="n", url=ENDPOINT_URL)
    assert page.to == f"{hook}?said=saved"
    assert (await browser.submit(f"{hook}/rotate", once="1")).status == 200


# --- enabling ----------------------------------------------------------------------------------


async def test_a_webhook_is_disabled_and_enabled(customer, store, app, full, full_hook, send, work):
    assert (await customer.submit(f"{full_hook}/disable")).to == f"{full_hook}?said=disabled"
    found = await store.endpoint(app.id, full.id)
    assert found.disabled
    assert (found.uid, found.metadata, found.timeout) == (full.uid, full.metadata, full.timeout)
    await send(full)
    assert await work() == 0
    page = await customer.get(full_hook)
    assert "disabled" in page.text
    assert (await customer.submit(f"{full_hook}/enable")).to == f"{full_hook}?said=enabled"
    assert not (await store.endpoint(app.id, full.id)).disabled
    assert await work() == 1


# --- deleting ----------------------------------------------------------------------------------


async def test_what_deleting_will_do_is_said(customer, store, app, endpoint, hook, send, work):
    assert "nothing is cancelled" in (await customer.get(f"{hook}/delete")).words
    await send(endpoint)
    await work(500, retry_in=60)
    await send(endpoint)
    message = await send(endpoint)
    asked = await customer.get(f"{hook}/delete")
    assert "3 deliveries" in asked.words
    assert "2 queued" in asked.words
    assert "1 retrying" in asked.words
    page = await customer.submit(f"{hook}/delete")
    assert page.to == f"/app/{app.id}/webhooks?said=deleted"
    assert "The webhook was deleted." in (await customer.get(page.to)).words
    with pytest.raises(NotFound):
        await store.endpoint(app.id, endpoint.id)
    delivery = await store.delivery(app.id, message.id, endpoint.id)
    assert delivery.state is DeliveryState.CANCELLED
    for path in (hook, f"{hook}/logs", f"{hook}/logs/{message.id}", f"{hook}/edit"):
        assert (await customer.get(path)).status == 404


async def test_one_delivery_and_more_than_are_counted_are_said_so(
    customer, store, endpoint, hook, send, monkeypatch
):
    await send(endpoint)
    assert "1 delivery is" in (await customer.get(f"{hook}/delete")).words

    async def many(*_):
        return {DeliveryState.HELD: 10_000}

    monkeypatch.setattr(store, "pending", many)
    assert "10,000 or more" in (await customer.get(f"{hook}/delete")).words


# --- the secret --------------------------------------------------------------------------------


@pytest.mark.parametrize(("overlap", "seconds"), [("3600", 3600), ("0", 0), ("x", 86_400)])
async def test_a_new_secret_is_shown_once_and_the_old_one_goes_on(
    customer, store, app, endpoint, hook, clock, overlap, seconds
):
    form = await customer.get(f"{hook}/rotate")
    fields = {"csrf": form.csrf, "once": form.once, "overlap": overlap}
    page = await customer.post(f"{hook}/rotate", fields)
    secrets = (await store.endpoint(app.id, endpoint.id)).secrets
    assert page.status == 200
    assert SECRET.findall(page.text) == [secrets[0].key]
    assert secrets[0].key != endpoint.secrets[0].key
    assert ("signs too until" in page.words) is bool(seconds)
    old = [(each.key, each.expires_ms) for each in secrets[1:]]
    ends = clock.now_ms + seconds * 1000
    assert old == ([(endpoint.secrets[0].key, ends)] if seconds else [])
    assert not SECRET.search((await customer.get(hook)).text)


async def test_sending_the_form_twice_makes_one_secret(customer, store, app, endpoint, hook):
    form = await customer.get(f"{hook}/rotate")
    fields = {"csrf": form.csrf, "once": form.once}
    pages = await asyncio.gather(*(customer.post(f"{hook}/rotate", fields) for _ in range(3)))
    assert min(page.status for page in pages) == 200
    again = await customer.post(f"{hook}/rotate", fields)
    assert again.to == f"{hook}?said=rotated-before"
    assert "the new secret was shown once" in (await customer.get(again.to)).words
    assert len((await store.endpoint(app.id, endpoint.id)).secrets) == 2
    without = await customer.submit(f"{hook}/rotate")
    assert without.status == 403


async def test_a_key_pair_stays_one(customer, store, app, hook, endpoint):
    await store.rotate_secret(app.id, endpoint.id, new_secret("v1a"), overlap=0)
    page = await customer.submit(f"{hook}/rotate", once="1")
    secrets = (await store.endpoint(app.id, endpoint.id)).secrets
    assert secrets[0].key.startswith("whsk_")
    assert "whsk_" not in page.text
    assert "whpk_" in page.text


async def test_there_are_only_so_many_old_secrets(customer, hook):
    for once in range(10):
        await customer.submit(f"{hook}/rotate", once=str(once), overlap="3600")
    page = await customer.submit(f"{hook}/rotate", once="last", overlap="3600")
    assert page.status == 400
    assert not SECRET.search(page.text)


async def test_play_learns_of_new_secrets_as_many_as_it_takes(customer, app, store, play):
    filled_in = await customer.submit(f"/app/{app.id}/webhooks/new", do="play")
    url = re.search(rf"{PUBLIC_URL}/play/in/[\w-]+", filled_in.text)[0]
    draft = EndpointDraft(url=url, name="n")
    endpoint = await store.create_endpoint(app.id, draft, generate_secret())
    for once in range(8):
        page = await customer.submit(
            f"/app/{app.id}/webhooks/{endpoint.id}/rotate", once=str(once), overlap="3600"
        )
        assert page.status == 200
    keys = [each.key for each in (await store.endpoint(app.id, endpoint.id)).secrets]
    one = await play.store.bin_to_capture(url.rpartition("/")[2], 0)
    assert list(one.secrets) == keys[:5]


# --- a test event ------------------------------------------------------------------------------


async def test_a_test_event_goes_to_this_webhook_alone(
    customer, store, app, endpoint, hook, make_endpoint
):
    other = await make_endpoint(app.id)
    page = await customer.submit(f"{hook}/test", event="webhook.ping")
    (delivery,) = (await store.search_deliveries(app.id, endpoint.id, LogFilter())).items
    assert page.to == f"{hook}/logs/{delivery.msg_id}"
    message = await store.message(app.id, delivery.msg_id)
    assert (message.event_type, json.loads(message.payload)) == ("webhook.ping", {"success": True})
    assert not (await store.search_deliveries(app.id, other.id, LogFilter())).items


SCHEMA = {"properties": {"amount": {"type": "integer", "examples": [1999]}}, "type": "object"}


async def test_a_test_event_is_an_example_of_its_schema(
    customer, operator, store, app, hook, event_type
):
    await event_type("invoice.paid", schemas={"1": SCHEMA})
    await event_type("beta.thing", schemas={"1": SCHEMA}, feature_flag="beta")
    page = await customer.submit(f"{hook}/test", event="invoice.paid")
    message = await store.message(app.id, page.to.rpartition("/")[2])
    assert json.loads(message.payload) == {"amount": 1999}
    assert (await customer.submit(f"{hook}/test", event="beta.thing")).status == 404
    assert (await operator.submit(f"{hook}/test", event="beta.thing")).status == 303


async def test_an_event_without_an_example_is_not_sent(customer, store, app, hook, event_type):
    await event_type("user.created")
    page = await customer.submit(f"{hook}/test", event="user.created")
    assert page.to == f"{hook}?said=no-example"
    for unknown in ("none", "", "a\0"):
        assert (await customer.submit(f"{hook}/test", event=unknown)).status in {404, 422}
    assert not (await store.messages(app.id, PageRequest(), MessageFilter())).items
