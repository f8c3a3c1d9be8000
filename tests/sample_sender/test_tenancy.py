"""Nobody reaches what is somebody else's: every operation, every wrong token, every foreign id."""

import itertools

import httpx2
import pytest

from hookseal_sender.addresses import AddressGuard
from hookseal_sender.api import Services, create_app
from hookseal_sender.api.operations import OPERATIONS
from hookseal_sender.api.parameters import ENDPOINT_ID, MSG_ID
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.tokens import TokenKey
from tests.sample_sender.conformance import check
from tests.sample_sender.tenants import body_of, plant

pytestmark = pytest.mark.anyio

KEY = TokenKey(b"k" * 32)
OTHER_KEY = TokenKey(b"o" * 32)
OTHER_ORGANISATION = "org_" + "other".rjust(27, "0")
REFUSED = {401, 403, 404}
CLOSED = [operation for operation in OPERATIONS if operation.scope != "none"]
OPEN = [operation for operation in OPERATIONS if operation.scope == "none"]
QUERY_IDS = {"endpoint_id": ENDPOINT_ID, "msg_id": MSG_ID}


class World:
    """Three tenants: a victim, a neighbour of the same organisation, and a stranger of another."""

    def __init__(self, client, clock, victim, neighbour, stranger):
        self.client, self.clock = client, clock
        self.victim, self.neighbour, self.stranger = victim, neighbour, stranger

    def token(self, tenant, *, whole=True, key=KEY, **options):
        """Return a token of the tenant's organisation, or of its application alone."""
        scope = Scope(org_id=tenant.org_id, app_id=None if whole else tenant.app_id)
        return key.issue(scope, now=int(self.clock()), **options)

    async def call(self, operation, named, token, query=None):
        path = operation.path.format(**{name: named[name] for name in operation.path_names})
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return await self.client.request(
            operation.method, path, headers=headers, params=query, json=body_of(operation)
        )

    async def sight(self):
        """Return all that the victim's organisation reads: what no stranger may change."""
        token = self.token(self.victim)
        reads = [each for each in CLOSED if each.method == "GET" and "stats" not in each.id]
        answers = [await self.call(each, self.victim.ids, token) for each in reads]
        return {each.id: answer.text for each, answer in zip(reads, answers, strict=True)}


@pytest.fixture
async def world(store, clock):
    services = Services(store=store, tokens=KEY, guard=AddressGuard(), clock=clock)
    victim = await plant(store, DEFAULT_ORGANISATION, "victim")
    neighbour = await plant(store, DEFAULT_ORGANISATION, "neighbour")
    stranger = await plant(store, OTHER_ORGANISATION, "stranger")
    transport = httpx2.ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://s/api/v1") as client:
        yield World(client, clock, victim, neighbour, stranger)


def leaks(answer, tenant, *, shared=False):
    words = tenant.canaries if shared else (*tenant.canaries, tenant.shared)
    return [word for word in words if word in answer.text]


def in_order(operations):
    """Return them so that each finds what it works on: what deletes comes last, from the leaves."""
    last = {"DELETE": 1}
    return sorted(
        operations,
        key=lambda each: (
            each.id == "v1.authentication.logout",
            last.get(each.method, 0),
            -len(each.path),
        ),
    )


@pytest.mark.parametrize("whole", [True, False], ids=["organisation", "application"])
async def test_the_owner_reaches_everything_and_gets_what_is_documented(world, whole):
    """The calls below are good ones: only whose they are is wrong."""
    operations = [each for each in in_order(OPERATIONS) if whole or each.scope != "organisation"]
    token = world.token(world.victim, whole=whole)
    for operation in operations:
        answer = await world.call(operation, world.victim.ids, token)
        assert answer.status_code in operation.replies, (operation.id, answer.text)
        assert answer.status_code < 300
        check(operation, answer)


@pytest.mark.parametrize("named", ["ids", "uids"])
@pytest.mark.parametrize(
    "kind", ["none", "garbage", "forged", "key", "expired", "early", "revoked"]
)
async def test_a_token_that_is_not_good_opens_nothing(world, store, kind, named):
    token = await bad_token(world, store, kind)
    before = await world.sight()
    for operation in CLOSED:
        answer = await world.call(operation, getattr(world.victim, named), token)
        assert answer.status_code == 401, (operation.id, answer.text)
        assert answer.json()["code"] == "authentication_failed"
        assert not leaks(answer, world.victim)
        check(operation, answer)
    assert await world.sight() == before


async def bad_token(world, store, kind):
    good = world.token(world.victim)
    if kind == "revoked":
        scope = Scope(org_id=world.victim.org_id, token_id="tok_" + "1" * 27)
        good = KEY.issue(scope, now=int(world.clock()))
        await store.revoke_token(scope.token_id, KEY.expiry(good) * 1000)
    if kind == "expired":
        good = world.token(world.victim, expires_in=60)
        world.clock.advance(61)
    if kind == "early":
        good = KEY.issue(Scope(org_id=world.victim.org_id), now=int(world.clock()) + 3600)
    return {
        "none": None,
        "garbage": "x.y.z",
        "forged": world.token(world.victim, key=OTHER_KEY),
        "key": "k" * 32,
    }.get(kind, good)


@pytest.mark.parametrize("named", ["ids", "uids"])
@pytest.mark.parametrize(
    ("who", "whole"),
    [("stranger", True), ("stranger", False), ("neighbour", False)],
    ids=["other organisation", "application of another", "other application"],
)
async def test_another_tenants_token_reaches_nothing(world, who, whole, named):
    caller, victim = getattr(world, who), world.victim
    token, before = world.token(caller, whole=whole), await world.sight()
    shared = caller.org_id == victim.org_id
    foreign = [each for each in CLOSED if each.id != "v1.authentication.logout"]  # its own token
    for operation in sorted(foreign, key=makes_by_uid):
        answer = await world.call(operation, getattr(victim, named), token)
        assert answer.status_code in REFUSED or is_own(operation, answer, named), (
            operation.id,
            answer.text,
        )
        assert not leaks(answer, victim, shared=shared), operation.id
        check(operation, answer)
    assert await world.sight() == before


def makes_by_uid(operation):
    """Tell whether it makes an application of a uid that the caller has none of: a new one."""
    return (operation.method, operation.path) == ("PUT", "/app/{app_id}")


def is_own(operation, answer, named):
    """Tell whether the answer is about the caller's own: its organisation's, or a new one."""
    assert answer.status_code in {*operation.replies, 409}, (operation.id, answer.text)
    of_organisation = set(operation.path_names) <= {"event_type_name"}
    return of_organisation or (named == "uids" and makes_by_uid(operation))


@pytest.mark.parametrize("who", ["stranger", "neighbour"])
async def test_an_id_of_another_tenant_is_not_found_in_any_place(world, who):
    """One part of the path, or one of the query, is the victim's; the rest is the caller's own."""
    caller, victim = getattr(world, who), world.victim
    token, before = world.token(caller, whole=False), await world.sight()
    tried = 0
    for operation, (named, query) in itertools.chain.from_iterable(
        ((each, mixed) for mixed in mixtures(each, caller, victim)) for each in in_order(CLOSED)
    ):
        answer = await world.call(operation, named, token, query)
        assert answer.status_code in REFUSED, (operation.id, answer.text)
        assert not leaks(answer, victim)
        check(operation, answer)
        tried += 1
    assert tried > len(CLOSED)
    assert await world.sight() == before


def mixtures(operation, caller, victim):
    """Yield the names of the path and the query, one of them the victim's each time."""
    for name in operation.path_names:
        if name != "event_type_name":  # these belong to the organisation
            yield {**caller.ids, name: victim.ids[name]}, {}
    for name, parameter in QUERY_IDS.items():
        if parameter in operation.query:
            yield caller.ids, {name: victim.ids[name]}


async def test_a_token_of_an_application_does_nothing_to_the_organisation(world):
    token, before = world.token(world.victim, whole=False), await world.sight()
    refused = [each for each in CLOSED if each.scope == "organisation"]
    for operation in refused:
        answer = await world.call(operation, world.victim.ids, token)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_access")
        check(operation, answer)
    assert refused
    assert await world.sight() == before


async def test_a_page_cannot_be_begun_at_another_tenants_item(world):
    """A cursor is a place in the caller's own list, whoever's id it is."""
    token = world.token(world.stranger)
    lists = [each for each in CLOSED if any(p.name == "iterator" for p in each.query)]
    taken = set()
    for operation, cursor in itertools.product(lists, world.victim.ids.values()):
        answer = await world.call(operation, world.stranger.ids, token, {"iterator": cursor})
        assert answer.status_code in {200, 422}, (operation.id, answer.text)
        assert not leaks(answer, world.victim)
        if answer.status_code == 200:  # an id of another kind is no place in this list
            taken.add(operation.id)
    assert taken == {each.id for each in lists}


@pytest.mark.parametrize("operation", OPEN, ids=lambda each: each.id)
async def test_what_needs_no_token_tells_nothing_of_anybody(world, operation):
    answer = await world.call(operation, {}, None)
    assert answer.status_code in operation.replies
    assert not leaks(answer, world.victim)
