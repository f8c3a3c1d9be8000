"""Publishing: what is stored, for whom, once, and what is refused."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from hookseal_sender.errors import (
    Conflict,
    KeyReused,
    NotFound,
    PayloadRefused,
    PlanRequired,
    Unauthenticated,
    Unstorable,
)
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    ApplicationDraft,
    DeliveryState,
    EventTypeDraft,
    Keyed,
    MessageDraft,
    Scope,
)
from hookseal_sender.store import PageRequest, Published
from tests.sample_sender.outboxes import ORG, claim, deliveries, lanes_of, state
from tests.sample_sender.test_settling import claim_until_settled

pytestmark = pytest.mark.anyio
DRAFT = MessageDraft(event_type="user.created", payload=b'{"a":1}')


def draft(**fields):
    return MessageDraft(**({"event_type": "user.created", "payload": b'{"a":1}'} | fields))


async def all_of(*publishes):
    return await asyncio.gather(*publishes, return_exceptions=True)


async def test_a_message_goes_to_the_endpoints_that_want_it(store, make_endpoint, publish):
    everything = await make_endpoint()
    app_id = everything.app_id
    users = await make_endpoint(app_id, event_types=("user.*",))
    await make_endpoint(app_id, event_types=("invoice.paid",))
    await make_endpoint()
    message = await publish(app_id)
    found = await deliveries(store, app_id, msg_id=message.id)
    assert {each.endpoint_id for each in found} == {everything.id, users.id}
    assert await store.message(app_id, message.id) == message
    assert store.arrivals.is_set()


@pytest.mark.parametrize(
    ("wanted", "sent", "gets"),
    [
        (None, None, True),
        (None, ("a",), True),
        (("a", "b"), ("b", "c"), True),
        (("a",), ("b",), False),
        (("a",), None, False),
    ],
)
async def test_channels_select(store, make_endpoint, publish, wanted, sent, gets):
    endpoint = await make_endpoint(channels=wanted)
    message = await publish(endpoint.app_id, channels=sent)
    assert bool(await deliveries(store, endpoint.app_id)) is gets
    assert (await store.message(endpoint.app_id, message.id)).channels == sent


async def test_a_message_keeps_its_bytes_and_type(store, make_endpoint, publish):
    endpoint = await make_endpoint()
    body = bytes(range(256))
    message = await publish(endpoint.app_id, payload=body, content_type="application/x-bytes")
    assert (await store.message(endpoint.app_id, message.id)).payload == body
    (task,) = await claim(store)
    assert (task.payload, task.content_type) == (body, "application/x-bytes")


async def test_a_delayed_message_waits(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    later = await publish(endpoint.app_id, not_before_ms=clock.now_ms + 60_000)
    past = await publish(endpoint.app_id, not_before_ms=clock.now_ms - 1)
    assert await state(store, later) is DeliveryState.WAITING
    assert await state(store, past) is DeliveryState.READY
    assert [task.lease.msg_id for task in await claim(store)] == [past.id]
    clock.advance(60)
    assert [task.lease.msg_id for task in await claim(store)][-1] == later.id


async def test_a_disabled_endpoints_message_is_held(store, make_endpoint, publish):
    endpoint = await make_endpoint(disabled=True)
    assert await state(store, await publish(endpoint.app_id)) is DeliveryState.HELD
    assert await claim(store) == []


async def test_a_message_for_one_endpoint_needs_no_filter(store, make_endpoint):
    endpoint = await make_endpoint(event_types=("other",), channels=("c",))
    await make_endpoint(endpoint.app_id)
    message = await store.publish_to(endpoint.app_id, endpoint.id, DRAFT)
    assert lanes_of(await claim(store)) == [endpoint.id]
    assert await store.message(endpoint.app_id, message.id) == message
    with pytest.raises(NotFound):
        await store.publish_to(endpoint.app_id, "ep_unknown", DRAFT)


async def test_publishes_share_transactions_and_each_gets_its_own_answer(
    store, make_endpoint, publish
):
    endpoint = await make_endpoint()
    results = await all_of(*(publish(endpoint.app_id, event_id=f"e{n % 40}") for n in range(50)))
    assert sum(isinstance(each, Conflict) for each in results) == 10
    with pytest.raises(Conflict, match="eventId"):
        await publish(endpoint.app_id, event_id="e0")
    assert len(await claim(store, per_endpoint=100)) == 40


async def test_a_refused_one_harms_no_other(store, make_endpoint, make_application, publish):
    endpoint = await make_endpoint()
    starter = await make_application(plan="starter")
    good, unknown, plan, broken = await all_of(
        publish(endpoint.app_id),
        publish("app_unknown"),
        publish(starter.id),
        publish(endpoint.app_id, event_id="\ud800"),
    )
    assert good.app_id == endpoint.app_id
    assert isinstance(unknown, NotFound)
    assert isinstance(plan, PlanRequired)
    assert isinstance(broken, (Unstorable, NotFound))
    assert len(await claim(store)) == 1


async def test_an_application_is_known_by_id_and_by_uid_within_its_organisation(
    store, make_application
):
    app = await make_application(uid="tenant")
    other = await make_application("org_other", uid="tenant")
    by_uid, by_id = await all_of(
        store.publish(ORG, "tenant", DRAFT), store.publish(ORG, app.id, DRAFT)
    )
    assert by_uid.message.app_id == by_id.message.app_id == app.id
    elsewhere = await store.publish(Scope(org_id="org_other"), "tenant", DRAFT)
    assert elsewhere.message.app_id == other.id
    with pytest.raises(NotFound):
        await store.publish(ORG, other.id, DRAFT)
    await store.delete_application(app.id)
    with pytest.raises(NotFound):
        await store.publish(ORG, app.id, DRAFT)


async def test_a_token_of_an_application_covers_that_alone(store, make_application):
    mine, other = await make_application(), await make_application()
    scope = Scope(org_id=DEFAULT_ORGANISATION, app_id=mine.id)
    assert (await store.publish(scope, mine.id, DRAFT)).message.app_id == mine.id
    with pytest.raises(NotFound):
        await store.publish(scope, other.id, DRAFT)
    with pytest.raises(NotFound):
        await store.publish(scope, "new", DRAFT, application=ApplicationDraft(name="new"))


async def test_a_revoked_token_publishes_nothing(store, make_application, clock):
    app = await make_application()
    scopes = [Scope(org_id=DEFAULT_ORGANISATION, token_id=each) for each in ("good", "bad")]
    await store.revoke_token("bad", clock.now_ms + 1000)
    good, bad = await all_of(*(store.publish(scope, app.id, DRAFT) for scope in scopes))
    assert good.message.app_id == app.id
    assert isinstance(bad, Unauthenticated)


# --- the application that comes with the message -----------------------------------------------


PLANS = (("first", "starter"), ("second", "enterprise"), ("third", "enterprise"))


async def test_an_application_is_made_with_its_first_message(store):
    new = ApplicationDraft(name="New", uid="new")
    results = await all_of(*(store.publish(ORG, "new", DRAFT, application=new) for _ in range(5)))
    assert len({each.message.app_id for each in results}) == 1
    assert await applications(store) == [("new", "New")]


async def test_an_application_without_uid_gets_the_key_as_one(store):
    first = await store.publish(ORG, "key", DRAFT, application=ApplicationDraft(name="n"))
    again = await store.publish(ORG, "key", DRAFT)
    assert again.message.app_id == first.message.app_id


async def test_an_application_with_a_poor_plan_is_not_made(store):
    poor = ApplicationDraft(name="n", plan="starter")
    with pytest.raises(PlanRequired):
        await store.publish(ORG, "poor", DRAFT, application=poor)
    assert await applications(store) == []


async def test_what_is_refused_makes_no_application_and_leaves_it_to_the_next(store):
    schema = {"1": {"type": "object", "required": ["a"]}}
    enforced = EventTypeDraft(name="x", description="", schemas=schema, enforced=True)
    await store.create_event_type(DEFAULT_ORGANISATION, enforced)
    named = [ApplicationDraft(name=name, plan=plan) for name, plan in PLANS]
    drafts = [DRAFT, replace(DRAFT, event_type="x", payload=b"{}"), DRAFT]
    results = await all_of(
        *(
            store.publish(ORG, "new", draft, application=application)
            for draft, application in zip(drafts, named, strict=True)
        )
    )
    assert [type(each) for each in results] == [PlanRequired, PayloadRefused, Published]
    assert await applications(store) == [("new", "third")]


async def test_in_two_new_applications_an_event_id_is_not_the_same(store):
    draft, new = replace(DRAFT, event_id="e"), ApplicationDraft(name="n")
    results = await all_of(*(store.publish(ORG, key, draft, application=new) for key in "aab"))
    assert [type(each) for each in results] == [Published, Conflict, Published]


async def applications(store):
    page = await store.applications(DEFAULT_ORGANISATION, PageRequest())
    return [(each.uid, each.name) for each in page.items]


# --- idempotency -------------------------------------------------------------------------------


def keyed(key="k", body="b"):
    return Keyed(key=key, body=body)


async def test_a_keyed_publish_happens_once(store, make_endpoint):
    endpoint = await make_endpoint()
    results = await all_of(
        *(store.publish(ORG, endpoint.app_id, DRAFT, keyed=keyed()) for _ in range(4))
    )
    again = await store.publish(ORG, endpoint.app_id, DRAFT, keyed=keyed())
    assert [each.replayed for each in results] == [False, True, True, True]
    assert again == Published(message=results[0].message, replayed=True)
    assert len(await claim(store)) == 1


async def test_a_key_with_another_body_is_refused(store, make_application):
    app = await make_application()
    first, other = await all_of(
        store.publish(ORG, app.id, DRAFT, keyed=keyed()),
        store.publish(ORG, app.id, DRAFT, keyed=keyed(body="other")),
    )
    assert not first.replayed
    assert isinstance(other, KeyReused)
    with pytest.raises(KeyReused):
        await store.publish(ORG, app.id, DRAFT, keyed=keyed(body="other"))


async def test_a_refused_publish_keeps_no_key(store, make_application):
    app = await make_application()
    await store.publish(ORG, app.id, draft(event_id="e"))
    with pytest.raises(Conflict):
        await store.publish(ORG, app.id, draft(event_id="e"), keyed=keyed())
    assert not (await store.publish(ORG, app.id, DRAFT, keyed=keyed())).replayed


async def test_a_key_is_forgotten_after_its_time(store, make_application, clock):
    app = await make_application()
    await store.publish(ORG, app.id, DRAFT, keyed=keyed())
    clock.advance(12 * 3600 + 1)
    assert not (await store.publish(ORG, app.id, DRAFT, keyed=keyed())).replayed


async def test_a_key_whose_first_request_runs_is_a_conflict(store, make_application):
    app = await make_application()
    assert await store.begin_keyed(keyed()) is None
    with pytest.raises(Conflict):
        await store.publish(ORG, app.id, DRAFT, keyed=keyed())


async def test_two_processes_publish_the_same_once(
    store, another_store, make_endpoint, make_application
):
    endpoint = await make_endpoint()
    other = await another_store()
    racing = await all_of(
        *(
            each.publish(ORG, endpoint.app_id, draft(event_id=f"e{n}"), keyed=keyed(f"k{n}"))
            for n in range(30)
            for each in (store, other)
        )
    )
    assert sum(not each.replayed for each in racing) == 30
    assert len({each.message.id for each in racing}) == 30
    new = ApplicationDraft(name="n")
    both = await all_of(
        *(each.publish(ORG, "new", DRAFT, application=new) for each in (store, other))
    )
    assert both[0].message.app_id == both[1].message.app_id


# --- schemas -----------------------------------------------------------------------------------

SCHEMA = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}


def event_type(**fields):
    known = {"name": "user.created", "description": "", "schemas": {"1": SCHEMA}, "enforced": True}
    return EventTypeDraft(**(known | fields))


async def test_an_enforced_schema_refuses_what_does_not_satisfy_it(store, make_application):
    app = await make_application()
    await store.create_event_type(DEFAULT_ORGANISATION, event_type())
    good, bad, no_json, other = await all_of(
        store.publish(ORG, app.id, DRAFT),
        store.publish(ORG, app.id, draft(payload=b'{"a":"secret"}')),
        store.publish(ORG, app.id, draft(payload=b"\xff")),
        store.publish(ORG, app.id, draft(event_type="other", payload=b"\xff")),
    )
    assert isinstance(good, Published)
    assert isinstance(other, Published)
    assert isinstance(bad, PayloadRefused)
    assert isinstance(no_json, PayloadRefused)
    assert str(bad) == "payload: $.a does not satisfy 'type' (schema of event type 'user.created')"
    again, still = await all_of(
        store.publish(ORG, app.id, DRAFT),
        store.publish(ORG, app.id, draft(payload=b"[]")),
    )
    assert isinstance(again, Published)
    assert isinstance(still, PayloadRefused)


async def test_the_newest_schema_counts_as_it_is_now(store, make_application, clock):
    app = await make_application()
    wide = event_type(schemas={"2": {"type": "array"}, "10": SCHEMA, "9": False})
    await store.create_event_type(DEFAULT_ORGANISATION, wide)
    await store.publish(ORG, app.id, DRAFT)
    clock.advance(1)
    await store.change_event_type(
        DEFAULT_ORGANISATION, "user.created", lambda _: event_type(schemas={"11": False})
    )
    with pytest.raises(PayloadRefused):
        await store.publish(ORG, app.id, DRAFT)
    clock.advance(1)
    await store.change_event_type(
        DEFAULT_ORGANISATION, "user.created", lambda _: event_type(enforced=False)
    )
    await store.publish(ORG, app.id, DRAFT)


@pytest.mark.parametrize(
    "schema",
    [{"type": "nothing"}, {"$ref": "http://127.0.0.1:9/schema"}, {"$ref": "#/$defs/none"}],
)
async def test_a_schema_that_cannot_be_used_lets_nothing_through(store, make_application, schema):
    app = await make_application()
    await store.create_event_type(DEFAULT_ORGANISATION, event_type(schemas={"1": schema}))
    with pytest.raises(PayloadRefused, match="schema"):
        await store.publish(ORG, app.id, DRAFT)


async def test_an_enforced_type_without_schemas_lets_nothing_through(store, make_application):
    app = await make_application()
    await store.create_event_type(DEFAULT_ORGANISATION, event_type(schemas={}))
    with pytest.raises(PayloadRefused, match="cannot be used"):
        await store.publish(ORG, app.id, DRAFT)


# --- races with the catalog --------------------------------------------------------------------


async def test_what_was_published_while_its_endpoint_was_disabled_is_held(
    store, make_endpoint, publish
):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    await execute(store, "UPDATE endpoint SET disabled = true")  # as if it came between
    assert await claim_until_settled(store) == []
    assert await state(store, message) is DeliveryState.HELD


async def test_what_was_published_while_its_endpoint_was_deleted_is_cancelled(
    store, make_endpoint, publish
):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    await execute(store, "UPDATE endpoint SET deleted_ms = 1")
    assert await claim_until_settled(store) == []
    assert await state(store, message) is DeliveryState.CANCELLED


async def execute(store, statement):
    await store.database.write(lambda connection, _now_ms: connection.execute(text(statement)))
