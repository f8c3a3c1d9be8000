"""Applications, endpoints and event types, as the store keeps them."""

import asyncio
import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from hookseal_sender.errors import Conflict, NotFound, SealBroken, TooManySecrets
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    OPERATIONS_ORGANISATION,
    ApplicationDraft,
    AttemptDraft,
    DeliveryState,
    Disabled,
    EndpointDraft,
    EventTypeDraft,
    Result,
    Scope,
)
from hookseal_sender.store import DeliveryFilter, MessageFilter, PageRequest
from hookseal_sender.store.rows import signing_keys

pytestmark = pytest.mark.anyio
ORG = Scope(org_id=DEFAULT_ORGANISATION)
DAY_MS = 86_400_000


async def run(store, statement, **values):
    """Change the database behind the store's back."""

    def work(connection, _now_ms):
        connection.execute(text(statement), values)

    await store.database.write(work)


async def column(store, statement):
    return await store.database.read(lambda c: c.execute(text(statement)).scalars().all())


# --- applications ------------------------------------------------------------------------------


async def test_an_application_is_kept_as_it_was_given(store, clock):
    draft = ApplicationDraft(
        name="a", uid="one", plan="free", throttle_rate=7, metadata={"k": "v \N{SNOWMAN}"}
    )
    made = await store.create_application(DEFAULT_ORGANISATION, draft)
    assert await store.application(ORG, "one") == made
    assert await store.application(ORG, made.id) == made
    assert (made.plan, made.throttle_rate, made.metadata) == ("free", 7, draft.metadata)
    assert (made.created_ms, made.updated_ms) == (clock.now_ms, clock.now_ms)
    assert made.id.startswith("app_")


async def test_a_scope_covers_its_application_only(store, make_application):
    one = await make_application(uid="one")
    assert await store.application(Scope(org_id=one.org_id, app_id=one.id), "one") == one
    for scope in (Scope(org_id="org_other"), Scope(org_id=one.org_id, app_id="app_other")):
        with pytest.raises(NotFound):
            await store.application(scope, one.id)


async def test_a_uid_is_used_once_in_an_organisation(store, make_application):
    one = await make_application(uid="one")
    with pytest.raises(Conflict):
        await make_application(uid="one")
    assert (await make_application("org_other", uid="one")).id != one.id
    assert (await make_application()).uid is None
    assert (await make_application()).uid is None


async def test_an_application_is_updated(store, make_application, clock):
    made = await make_application(uid="one", throttle_rate=5)
    clock.advance(1)
    draft = ApplicationDraft(name="b", uid="two", metadata={"x": "y"})
    updated = await store.change_application(made.id, lambda _: draft)
    assert await store.application(ORG, "two") == updated
    assert (updated.name, updated.throttle_rate, updated.metadata) == ("b", None, {"x": "y"})
    assert (updated.created_ms, updated.updated_ms) == (made.created_ms, clock.now_ms)
    await make_application(uid="three")
    with pytest.raises(Conflict):
        await store.change_application(made.id, lambda _: ApplicationDraft(name="b", uid="three"))
    with pytest.raises(NotFound):
        await store.change_application("app_none", lambda _: draft)


async def test_deleting_an_application_takes_all_of_it(
    store, make_application, make_endpoint, publish
):
    app_id = (await make_application(uid="one")).id
    endpoint = await make_endpoint(app_id, uid="mine")
    message = await publish(app_id)
    await store.delete_application(app_id)
    delivery = await store.delivery(app_id, message.id, endpoint.id)
    assert delivery.state is DeliveryState.CANCELLED
    for gone in (
        store.application(ORG, app_id),
        store.endpoint(app_id, endpoint.id),
        store.delete_application(app_id),
        store.change_application(app_id, lambda _: ApplicationDraft(name="x")),
        store.create_endpoint(app_id, EndpointDraft(url="https://e.example", name="e"), "whsec_"),
    ):
        with pytest.raises(NotFound):
            await gone
    assert await column(store, "SELECT secrets FROM endpoint") == [""]
    assert (await make_application(uid="one")).id != app_id


# --- pages -------------------------------------------------------------------------------------


async def test_pages_go_both_ways(store, make_endpoint, clock):
    first = await make_endpoint()
    made = [first]
    for _ in range(4):
        clock.advance(1)
        made.append(await make_endpoint(first.app_id))
    expected = [each.id for each in made]

    async def page(**request):
        got = await store.endpoints(first.app_id, PageRequest(**request))
        return [each.id for each in got.items], got.done

    assert await page(limit=2) == (expected[:2], False)
    assert await page(limit=3, cursor=expected[1]) == (expected[2:], True)
    assert await page(limit=2, cursor=expected[4], backwards=True) == (expected[2:4], False)
    assert await page(limit=2, descending=True) == (expected[:2:-1], False)
    assert await page(limit=9, cursor=expected[2], descending=True, backwards=True) == (
        expected[:2:-1],
        True,
    )


async def test_applications_are_listed_by_organisation(store, make_application, clock):
    made = []
    for _ in range(3):
        made.append((await make_application()).id)
        clock.advance(1)
    await make_application("org_other")
    await store.delete_application(made[1])
    page = await store.applications(DEFAULT_ORGANISATION, PageRequest())
    assert [each.id for each in page.items] == [made[0], made[2]]


# --- endpoints ---------------------------------------------------------------------------------


async def test_an_endpoint_is_kept_as_it_was_given(store, make_endpoint, clock):
    fields = {
        "name": "n",
        "description": "d",
        "uid": "mine",
        "event_types": ("user.*", "a"),
        "channels": ("eu", "us"),
        "throttle_rate": 3,
        "retry_schedule": (1.5, 60.0),
        "timeout": 2.5,
        "metadata": {"k": "v"},
    }
    made = await make_endpoint(headers={"x-one": "1"}, **fields)
    assert await store.endpoint(made.app_id, "mine") == made
    assert await store.endpoint(made.app_id, made.id) == made
    assert {name: getattr(made, name) for name in fields} == fields
    assert made.headers == {"x-one": "1"}
    assert (made.disabled, made.disabled_for, made.failing_since_ms) == (False, None, None)
    with pytest.raises(Conflict):
        await make_endpoint(made.app_id, uid="mine")
    with pytest.raises(NotFound):
        await store.endpoint("app_other", made.id)


async def test_secrets_and_headers_are_sealed(store, make_endpoint):
    made = await make_endpoint(headers={"authorization": "Basic dGlueQ=="})
    (key,) = (each.key for each in made.secrets)
    (secrets,) = await column(store, "SELECT secrets FROM endpoint")
    (headers,) = await column(store, "SELECT headers FROM endpoint")
    assert secrets.startswith("v1.")
    assert headers.startswith("v1.")
    assert key.removeprefix("whsec_") not in secrets + repr(made)
    assert "authorization" not in headers + repr(made)


async def test_a_sealed_value_does_not_open_in_another_row(store, make_endpoint):
    mine = await make_endpoint()
    other = await make_endpoint(mine.app_id)
    await run(
        store,
        "UPDATE endpoint SET secrets = (SELECT secrets FROM endpoint WHERE id = :there) "
        "WHERE id = :here",
        here=mine.id,
        there=other.id,
    )
    found = await store.endpoint(mine.app_id, mine.id)
    assert (found.secrets, found.url) == ((), mine.url)
    with pytest.raises(SealBroken, match="moved from another row"):
        _ = found.secret
    rotated = await store.rotate_secret(mine.app_id, mine.id, "whsec_new", overlap=60)
    assert [each.key for each in rotated] == ["whsec_new"]
    found = await store.endpoint(mine.app_id, mine.id)
    assert (found.secrets, found.secret, found.unreadable) == (rotated, "whsec_new", "")


async def test_headers_are_replaced(store, make_endpoint):
    made = await make_endpoint()
    assert made.headers == {}
    await store.change_headers(made.app_id, made.id, lambda _: {"x-a": "1", "x-b": "2"})
    assert (await store.endpoint(made.app_id, made.id)).headers == {"x-a": "1", "x-b": "2"}
    await store.change_headers(made.app_id, made.id, lambda _: {})
    assert (await store.endpoint(made.app_id, made.id)).headers == {}
    with pytest.raises(NotFound):
        await store.change_headers(made.app_id, "ep_none", lambda _: {})


async def test_of_changes_at_once_every_one_counts(store, another_store, make_endpoint):
    made = await make_endpoint()
    key, stores = (made.app_id, made.id), [store, await another_store()]

    def named(number):
        return lambda current: current | {f"x-{number}": "1"}

    def tagged(number):
        tag = {str(number): "1"}
        return lambda current: replace(current, metadata=current.metadata | tag)

    numbers = range(10)
    await asyncio.gather(
        *(stores[n % 2].change_headers(*key, named(n)) for n in numbers),
        *(stores[n % 2].change_endpoint(*key, tagged(n)) for n in numbers),
    )
    changed = await store.endpoint(*key)
    assert set(changed.headers) == {f"x-{number}" for number in numbers}
    assert set(changed.metadata) == set(map(str, numbers))


async def test_a_change_that_fails_changes_nothing(store, make_endpoint):
    made = await make_endpoint()

    def fail(_current):
        raise Conflict("not like this")

    with pytest.raises(Conflict):
        await store.change_endpoint(made.app_id, made.id, fail)
    assert await store.endpoint(made.app_id, made.id) == made


async def test_updating_leaves_secrets_and_headers(store, make_endpoint, clock):
    made = await make_endpoint(headers={"x": "1"}, event_types=("a",))
    clock.advance(1)
    draft = EndpointDraft(url="https://two.example", name="two")
    updated = await store.change_endpoint(made.app_id, made.id, lambda _: draft)
    assert await store.endpoint(made.app_id, made.id) == updated
    assert (updated.url, updated.event_types, updated.updated_ms) == (
        draft.url,
        None,
        clock.now_ms,
    )
    assert (updated.secrets, updated.headers) == (made.secrets, made.headers)
    with pytest.raises(NotFound):
        await store.change_endpoint(made.app_id, "ep_none", lambda _: draft)


async def test_disabling_holds_and_enabling_resumes_with_a_clean_slate(
    store, make_endpoint, publish
):
    made = await make_endpoint()
    before = await publish(made.app_id)
    off = EndpointDraft(url=made.url, name="e", disabled=True)
    disabled = await store.change_endpoint(made.app_id, made.id, lambda _: off)
    after = await publish(made.app_id)
    assert (disabled.disabled, disabled.disabled_for) == (True, Disabled.BY_CALLER)
    held = await store.deliveries(
        made.app_id, PageRequest(), DeliveryFilter(states=(DeliveryState.HELD,))
    )
    assert [each.msg_id for each in held.items] == sorted([before.id, after.id])
    await run(
        store,
        "UPDATE endpoint SET disabled_for = 'failing', failing_since_ms = 1, "
        "paused_until_ms = 2, pauses = 3",
    )
    still = await store.change_endpoint(made.app_id, made.id, lambda _: off)
    assert still.disabled_for is Disabled.FAILING
    store.arrivals.clear()
    on = await store.change_endpoint(
        made.app_id, made.id, lambda _: EndpointDraft(url=made.url, name="e")
    )
    assert (on.disabled, on.disabled_for, on.failing_since_ms, on.paused_until_ms) == (
        False,
        None,
        None,
        None,
    )
    assert await column(store, "SELECT pauses FROM endpoint") == [0]
    counts = await store.endpoint_counts(
        made.app_id, made.id, after_ms=0, before_ms=made.created_ms + DAY_MS
    )
    assert counts == {DeliveryState.READY: 2}
    await asyncio.wait_for(store.arrivals.wait(), 5)


async def test_an_endpoint_may_begin_disabled(make_endpoint):
    assert (await make_endpoint(disabled=True)).disabled_for is Disabled.BY_CALLER


async def test_deleting_an_endpoint_forgets_it(store, make_endpoint, publish):
    made = await make_endpoint(uid="mine", headers={"x": "1"})
    message = await publish(made.app_id)
    await store.delete_endpoint(made.app_id, made.id)
    delivery = await store.delivery(made.app_id, message.id, made.id)
    assert delivery.state is DeliveryState.CANCELLED
    assert await column(store, "SELECT secrets FROM endpoint") == [""]
    assert await column(store, "SELECT headers FROM endpoint") == [None]
    for gone in (
        store.endpoint(made.app_id, "mine"),
        store.delete_endpoint(made.app_id, made.id),
        store.rotate_secret(made.app_id, made.id, "whsec_x", overlap=1),
    ):
        with pytest.raises(NotFound):
            await gone
    assert (await make_endpoint(made.app_id, uid="mine")).id != made.id


async def test_two_who_make_the_same_uid_at_once_make_it_once(
    store, make_application, make_endpoint
):
    app_id = (await make_application()).id
    made = await asyncio.gather(
        *(make_endpoint(app_id, uid="mine") for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(each, Conflict) for each in made) == 3


# --- rotation ----------------------------------------------------------------------------------


async def test_a_rotated_secret_signs_until_the_overlap_ends(store, make_endpoint, clock):
    made = await make_endpoint()
    (first,) = (each.key for each in made.secrets)
    await store.rotate_secret(made.app_id, made.id, "whsec_two", overlap=60)
    clock.advance(10)
    secrets = await store.rotate_secret(made.app_id, made.id, "whsec_three", overlap=20.5)
    assert [(each.key, each.expires_ms) for each in secrets] == [
        ("whsec_three", None),
        ("whsec_two", clock.now_ms + 20_500),
        (first, clock.now_ms + 50_000),
    ]
    assert (await store.endpoint(made.app_id, made.id)).secrets == tuple(secrets)
    assert signing_keys(secrets, clock.now_ms + 20_499) == ("whsec_three", "whsec_two", first)
    assert signing_keys(secrets, clock.now_ms + 20_500) == ("whsec_three", first)
    clock.advance(30)
    secrets = await store.rotate_secret(made.app_id, made.id, "whsec_four", overlap=0)
    assert [each.key for each in secrets] == ["whsec_four", first]


async def test_there_are_at_most_ten_old_secrets(store, make_endpoint, clock):
    made = await make_endpoint()

    async def rotate(n):
        return await store.rotate_secret(made.app_id, made.id, f"whsec_{n}", overlap=60)

    for n in range(10):
        secrets = await rotate(n)
    assert len(secrets) == 11
    with pytest.raises(TooManySecrets, match="10 old secrets"):
        await rotate(10)
    kept = (await store.endpoint(made.app_id, made.id)).secrets
    assert kept == tuple(secrets)
    dropped = await store.rotate_secret(made.app_id, made.id, "whsec_x", overlap=0)
    assert len(dropped) == 11
    clock.advance(60)
    assert len(await rotate(11)) == 2


async def test_rotations_at_once_lose_no_secret(store, make_endpoint):
    made = await make_endpoint()
    await asyncio.gather(
        *(store.rotate_secret(made.app_id, made.id, f"whsec_{n}", overlap=60) for n in range(5))
    )
    kept = (await store.endpoint(made.app_id, made.id)).secrets
    assert {f"whsec_{n}" for n in range(5)} | {made.secrets[0].key} == {each.key for each in kept}


# --- event types -------------------------------------------------------------------------------


async def test_an_event_type_is_kept_as_it_was_given(store, clock):
    draft = EventTypeDraft(
        name="user.created",
        description="d",
        deprecated=True,
        feature_flag="beta",
        schemas={"1": {"type": "object"}},
        enforced=True,
    )
    made = await store.create_event_type(DEFAULT_ORGANISATION, draft)
    assert await store.event_type(ORG, "user.created") == made
    for name in ("name", "description", "deprecated", "feature_flag", "schemas", "enforced"):
        assert getattr(made, name) == getattr(draft, name)
    assert (made.archived, made.created_ms, made.updated_ms) == (
        False,
        clock.now_ms,
        clock.now_ms,
    )
    with pytest.raises(Conflict, match="event type"):
        await store.create_event_type(DEFAULT_ORGANISATION, draft)
    assert await store.create_event_type("org_other", draft) != made
    with pytest.raises(NotFound):
        await store.event_type(ORG, "other")


async def test_an_archived_event_type_is_hidden_and_can_be_made_again(store, clock):
    draft = EventTypeDraft(name="a.b", description="old")
    org = DEFAULT_ORGANISATION
    await store.create_event_type(org, draft)
    await store.create_event_type(org, EventTypeDraft(name="c", description=""))
    await store.delete_event_type(org, "a.b", expunge=False)
    assert (await store.event_type(ORG, "a.b")).archived

    async def names(*, archived, **page):
        found = await store.event_types(ORG, PageRequest(**page), archived=archived)
        return [each.name for each in found.items]

    assert await names(archived=False) == ["c"]
    assert await names(archived=True) == ["a.b", "c"]
    assert await names(archived=True, cursor="a.b") == ["c"]
    clock.advance(1)
    again = await store.create_event_type(org, EventTypeDraft(name="a.b", description="new"))
    assert (again.description, again.archived, again.created_ms) == ("new", False, clock.now_ms)
    assert await names(archived=False) == ["a.b", "c"]


async def test_an_event_type_is_updated_and_expunged(store, clock):
    org = DEFAULT_ORGANISATION
    made = await store.create_event_type(org, EventTypeDraft(name="a", description=""))
    clock.advance(1)
    draft = EventTypeDraft(name="a", description="x", archived=True)
    updated = await store.change_event_type(org, "a", lambda _: draft)
    assert await store.event_type(ORG, "a") == updated
    assert (updated.description, updated.archived) == ("x", True)
    assert (updated.created_ms, updated.updated_ms) == (made.created_ms, clock.now_ms)
    await store.delete_event_type(org, "a", expunge=True)
    for gone in (
        store.event_type(ORG, "a"),
        store.change_event_type(org, "a", lambda _: draft),
        store.delete_event_type(org, "a", expunge=True),
        store.delete_event_type(org, "a", expunge=False),
    ):
        with pytest.raises(NotFound):
            await gone


# --- operational webhooks ----------------------------------------------------------------------


async def told(store, app_id):
    page = await store.messages(app_id, PageRequest(), MessageFilter())
    events = [json.loads(each.payload) for each in page.items]
    assert [each["type"] for each in events] == [each.event_type for each in page.items]
    return [(each["type"], each["data"]) for each in events]


async def test_an_organisation_is_told_of_its_endpoints(
    store, make_application, make_endpoint, clock
):
    operations = await make_application(OPERATIONS_ORGANISATION, uid=DEFAULT_ORGANISATION)
    ear = await make_endpoint(operations.id)
    clock.advance(1)
    app = await make_application(uid="one")
    made = await make_endpoint(app.id, uid="mine")
    clock.advance(1)
    draft = EndpointDraft(url=made.url, name="e", uid="mine", disabled=True)
    await store.change_endpoint(app.id, made.id, lambda _: draft)
    clock.advance(1)
    await store.delete_endpoint(app.id, made.id)
    data = {"appId": app.id, "appUid": "one", "endpointId": made.id, "endpointUid": "mine"}
    assert await told(store, operations.id) == [
        ("endpoint.created", data),
        ("endpoint.updated", data),
        ("endpoint.deleted", data),
    ]
    counts = await store.endpoint_counts(
        operations.id, ear.id, after_ms=0, before_ms=clock.now_ms + DAY_MS
    )
    assert counts == {DeliveryState.READY: 3}


async def test_an_organisation_is_told_why_an_endpoint_was_disabled(
    store, make_application, make_endpoint, publish, clock
):
    operations = await make_application(OPERATIONS_ORGANISATION, uid=DEFAULT_ORGANISATION)
    made = await make_endpoint()
    await publish(made.app_id)
    clock.advance(1)
    (task,) = (await store.claim(limit=9, per_endpoint=9, lease=30.0)).tasks
    gone = AttemptDraft(
        url=made.url,
        started_ms=clock.now_ms,
        duration_ms=1,
        succeeded=False,
        status=410,
        response="",
        reason="",
    )
    await store.complete(
        Result(lease=task.lease, attempt=gone, retry_in=5.0, disables_endpoint=True)
    )
    type_, data = (await told(store, operations.id))[-1]
    assert type_ == "endpoint.disabled"
    assert data == {
        "appId": made.app_id,
        "appUid": None,
        "endpointId": made.id,
        "endpointUid": None,
        "failSince": "2027-01-15T08:00:01.000+00:00",
    }


async def test_nobody_is_told_without_an_application_for_it(store, make_application, make_endpoint):
    other = await make_application(OPERATIONS_ORGANISATION, uid="org_other")
    gone = await make_application(OPERATIONS_ORGANISATION, uid=DEFAULT_ORGANISATION)
    await store.delete_application(gone.id)
    await make_endpoint()
    assert await told(store, other.id) == []
    assert await told(store, gone.id) == []


async def test_the_operations_organisation_is_not_told_of_itself(
    store, make_application, make_endpoint
):
    itself = await make_application(OPERATIONS_ORGANISATION, uid=OPERATIONS_ORGANISATION)
    await make_endpoint(itself.id)
    assert await told(store, itself.id) == []
