"""Who may do what: tokens, their scope, their end, and the plan of an application."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from svix.models import AppPortalCapability

from hookseal_sender.api.call import Call
from hookseal_sender.api.operations import OPERATIONS
from hookseal_sender.api.tokens import TokenReader
from hookseal_sender.console import ConsoleSettings, create_console
from hookseal_sender.errors import Unauthenticated
from hookseal_sender.links import Links
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.tokens import TokenKey
from tests.sample_sender.api.conftest import KEY, URL

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000
NAMES = {
    "app_id": "tenant", "endpoint_id": "e", "msg_id": "m", "attempt_id": "a",
    "event_type_name": "t",
}  # fmt: skip
BODIES = {
    "ApplicationIn": {"name": "a"}, "EndpointIn": URL, "EndpointUpdate": URL,
    "MessageIn": {"eventType": "a", "payload": {}}, "EventTypeIn": {"name": "a", "description": ""},
    "EventTypeUpdate": {"description": ""},
}  # fmt: skip


async def ask(client, operation, **options):
    body = BODIES.get(operation.body, {}) if operation.body else None
    path = operation.path.format(**NAMES)
    return await client.request(operation.method, path, json=body, **options)


def ids(operations):
    return [pytest.param(each, id=each.id) for each in operations]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer a.b.c", "Bearer é"]
)
async def test_without_a_good_token_nothing_is_said(client, header):
    answer = await client.get("/app", headers={"authorization": header.encode()})
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("operation", ids(each for each in OPERATIONS if each.scope != "none"))
async def test_every_operation_asks_for_a_token(client, operation):
    assert (await ask(client, operation, headers={"authorization": ""})).status_code == 401


@pytest.mark.parametrize(
    "operation", ids(each for each in OPERATIONS if each.scope == "organisation")
)
async def test_an_application_token_does_not_do_for_the_organisation(
    client, app_id, token_of, operation
):
    headers = {"authorization": f"Bearer {token_of(app_id)}"}
    refused = await ask(client, operation, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_access")


async def test_an_application_token_covers_its_application_only(client, app_id, token_of):
    other = (await client.post("/app", json={"name": "other"})).json()["id"]
    mine = {"authorization": f"Bearer {token_of(app_id)}"}
    assert (await client.get("/app/tenant", headers=mine)).status_code == 200
    assert (await client.get("/app/tenant/endpoint", headers=mine)).status_code == 200
    assert (await client.post("/app/tenant/endpoint", json=URL, headers=mine)).status_code == 201
    assert (await client.get(f"/app/{other}/endpoint", headers=mine)).status_code == 404


@pytest.mark.parametrize("operation", ids(each for each in OPERATIONS if each.gated))
async def test_without_the_plan_nothing_in_an_application_works(client, app_id, operation):
    await client.patch("/app/tenant", json={"plan": "free"})
    refused = await ask(client, operation)
    assert (refused.status_code, refused.json()["code"]) == (403, "enterprise_required")
    assert (await client.get("/app/tenant")).status_code == 200
    await client.patch("/app/tenant", json={"plan": "enterprise"})
    assert (await client.get("/app/tenant/endpoint")).status_code == 200


async def test_who_lacks_the_plan_is_told_whom_to_ask(make_services, connect):
    async with connect(make_services(contact="sales@platform.example")) as client:
        await client.post("/app", json={"name": "t", "uid": "free", "plan": "free"})
        refused = (await client.get("/app/free/endpoint")).json()
    assert refused["code"] == "enterprise_required"
    assert refused["detail"].endswith("; ask sales@platform.example")


@pytest.mark.parametrize("operation", ids(each for each in OPERATIONS if "{app_id}" in each.path))
async def test_another_organisation_sees_nothing(client, app_id, token_of, operation):
    organisation = "org_" + "2".rjust(27, "0")
    headers = {"authorization": f"Bearer {token_of(org_id=organisation)}"}
    body = BODIES.get(operation.body, {}) if operation.body else None
    path = operation.path.format(**{**NAMES, "app_id": app_id})
    answer = await client.request(operation.method, path, json=body, headers=headers)
    assert answer.status_code in {404, 422}
    assert "tenant" not in answer.text


async def test_an_operation_without_a_token_has_no_scope(services):
    with pytest.raises(Unauthenticated):
        _ = Call(services=services, path={}, queried={}).scope


async def test_logout_ends_the_token(client, token_of):
    token = {"authorization": f"Bearer {token_of()}"}
    assert (await client.get("/app", headers=token)).status_code == 200
    assert (await client.post("/auth/logout", headers=token)).status_code == 204
    refused = await client.get("/app", headers=token)
    assert (refused.status_code, refused.json()["detail"]) == (401, "the token was revoked")
    assert (await client.get("/app")).status_code == 200
    body = {"eventType": "a", "payload": {}, "application": {"name": "a"}}
    publish = await client.post("/app/new/msg", json=body, headers=token)
    assert publish.status_code == 401


async def test_a_token_without_an_id_cannot_be_revoked(client, monkeypatch):
    """Such were made before tokens had ids."""
    scope = Scope(org_id=DEFAULT_ORGANISATION)
    monkeypatch.setattr(TokenKey, "read", lambda _self, _token, **_when: scope)
    refused = await client.post("/auth/logout")
    assert (refused.status_code, "no id" in refused.json()["detail"]) == (401, True)


async def test_portal_access_makes_a_token_for_one_application(
    app_id, connect, make_services, clock
):
    path = f"/auth/app-portal-access/{app_id}"
    async with connect(make_services()) as client:
        access = (await client.post(path, json={"featureFlags": []})).json()
        short = (await client.post(path, json={"expiry": 3600})).json()["token"]
        token = {"authorization": f"Bearer {access['token']}"}
        assert (await client.get("/app/tenant/endpoint", headers=token)).status_code == 200
        assert (await client.get("/app", headers=token)).status_code == 403
        clock.advance(3601)
        token_short = {"authorization": f"Bearer {short}"}
        assert (await client.get("/app/tenant", headers=token_short)).status_code == 401
        assert (await client.get("/app/tenant", headers=token)).status_code == 200
        clock.advance(7 * 86400)
        assert (await client.get("/app/tenant", headers=token)).status_code == 401
        again = await client.post(path, headers={"idempotency-key": "k"})
        assert again.status_code == 200
        assert (await client.post(path, json={"expiry": 60})).status_code == 422


@pytest.fixture
def portal(make_services, clock):
    """Return services with a console, its links, and a way to open what is behind one."""
    links = Links("https://hooks.example", [b"n" * 32])
    services = make_services(public_url="https://hooks.example/", links=links)
    console = create_console(
        services,
        ConsoleSettings(retry_schedule=(5.0,), request_timeout=20.0),
        keys=[b"n" * 32],
        form_key=b"f" * 32,
        links=links,
    )
    app = Starlette(routes=[Mount("/console", console)])

    def browser():
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="https://hooks.example"
        )

    return services, links, browser


async def test_portal_access_makes_a_link_into_the_console(app_id, connect, portal, clock):
    services, links, browser = portal
    path = f"/auth/app-portal-access/{app_id}"
    async with connect(services) as client, browser() as first, browser() as late:
        whole = (await client.post(path)).json()
        short = (await client.post(path, json={"expiry": 3600})).json()
        assert links.made_for(whole["url"]).app_id == app_id
        assert whole["url"] != short["url"]
        opened = await first.get(short["url"])
        assert opened.headers["location"] == f"/console/app/{app_id}/webhooks"
        assert (await first.get(opened.headers["location"])).status_code == 200
        clock.advance(3600)
        assert (await first.get(opened.headers["location"])).status_code == 303
        assert (await late.get(short["url"])).status_code == 401
        assert (await late.get(whole["url"])).status_code == 303
        clock.advance(7 * 86400)
        assert (await late.get(whole["url"])).status_code == 401


async def test_a_link_shows_the_event_types_of_its_features(app_id, connect, portal):
    services, _, browser = portal
    path = f"/auth/app-portal-access/{app_id}"
    async with connect(services) as client, browser() as insider, browser() as outsider:
        beta = {"name": "beta.thing", "description": "", "featureFlag": "beta"}
        await client.post("/event-type", json=beta)
        for visitor, features in ((insider, ["beta"]), (outsider, ["gamma"])):
            access = (await client.post(path, json={"featureFlags": features})).json()
            page = (await visitor.get(access["url"])).headers["location"]
            form = await visitor.get(f"{page}/new")
            assert ("beta.thing" in form.text) is (visitor is insider)


async def test_a_link_ends_with_its_token(app_id, connect, portal):
    services, _, browser = portal
    path = f"/auth/app-portal-access/{app_id}"
    async with connect(services) as client, browser() as inside, browser() as outside:
        first, second = [(await client.post(path)).json() for _ in range(2)]
        page = (await inside.get(first["url"])).headers["location"]
        assert (await inside.get(page)).status_code == 200
        token = {"authorization": f"Bearer {first['token']}"}
        assert (await client.post("/auth/logout", headers=token)).status_code == 204
        assert (await inside.get(page)).status_code == 303
        assert (await outside.get(first["url"])).status_code == 401
        assert (await outside.get(second["url"])).status_code == 303


async def test_without_a_console_portal_access_leads_to_the_reference(
    app_id, connect, make_services
):
    async with connect(make_services(public_url="https://hooks.example/")) as client:
        access = (await client.post(f"/auth/app-portal-access/{app_id}")).json()
    assert access["url"] == "https://hooks.example/api/v1/docs"
    assert access["token"]


async def test_portal_access_needs_the_plan(client, app_id):
    await client.patch("/app/tenant", json={"plan": "free"})
    refused = await client.post("/auth/app-portal-access/tenant")
    assert (refused.status_code, refused.json()["code"]) == (403, "enterprise_required")
    body = {"application": {"name": "New", "plan": "free"}}
    assert (await client.post("/auth/app-portal-access/new", json=body)).status_code == 403
    assert (await client.get("/app/new")).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"readOnly": True}, "readOnly"), ({"readOnly": "yes"}, "readOnly"),
        ({"capabilities": ["ViewBase"]}, "capabilities"), ({"capabilities": []}, "capabilities"),
    ],
)  # fmt: skip
async def test_a_token_that_may_do_less_is_refused(client, app_id, body, field):
    path = "/auth/app-portal-access/tenant"
    refused = await client.post(path, json=body)
    assert (refused.status_code, refused.json()["detail"][0]["loc"][1]) == (422, field)
    everything = {"readOnly": False, "capabilities": [each.value for each in AppPortalCapability]}
    assert (await client.post(path, json=everything)).status_code == 200


async def test_portal_access_may_make_the_application(client, store, monkeypatch):
    path = "/auth/app-portal-access/new"
    assert (await client.post(path)).status_code == 404
    body = {"application": {"name": "New"}}
    assert (await client.post(path, json=body)).status_code == 200
    assert (await client.get("/app/new")).json()["name"] == "New"
    find, calls = store.application, []

    async def late(scope, key):  # another process makes it between the look and the make
        calls.append(key)
        return await find(scope, "none" if len(calls) == 1 else key)

    monkeypatch.setattr(store, "application", late)
    assert (await client.post(path, json=body)).status_code == 200


def test_tokens_are_remembered_until_they_expire(clock):
    reader = TokenReader(KEY)
    token = KEY.issue(Scope(org_id=DEFAULT_ORGANISATION), now=NOW, expires_in=60)
    field = f"Bearer {token}".encode()
    caller = reader.read(field, now=NOW)
    assert reader.read(field, now=NOW + 59) is caller
    with pytest.raises(Unauthenticated, match="expired"):
        reader.read(field, now=NOW + 60)
    with pytest.raises(Unauthenticated, match="expired"):
        reader.read(field, now=NOW + 60)
    assert token not in repr(caller)


def test_only_so_many_tokens_are_remembered(monkeypatch):
    monkeypatch.setattr("hookseal_sender.api.tokens._REMEMBERED", 2)
    reader = TokenReader(KEY)
    scope = Scope(org_id=DEFAULT_ORGANISATION)
    fields = [f"Bearer {KEY.issue(scope, now=NOW)}".encode() for _ in range(3)]
    callers = [reader.read(field, now=NOW) for field in fields]
    assert reader.read(fields[2], now=NOW) is callers[2]
    assert reader.read(fields[0], now=NOW) is not callers[0]
