"""Event types and their schemas."""

import functools

import pytest

from hookseal_sender.api.schemas import schema_fault

pytestmark = pytest.mark.anyio
SCHEMA = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/n"}},
    "patternProperties": {"^b": {"pattern": "c+"}},
    "$defs": {"n": {}},
}


async def test_an_event_type_is_made_read_and_archived(client):
    body = {
        "name": "user.created",
        "description": "d",
        "schemas": {"1": SCHEMA},
        "enforced": True,
        "deprecated": True,
        "featureFlag": "beta",
    }
    made = await client.post("/event-type", json=body)
    assert made.status_code == 201
    assert made.json().items() >= {**body, "archived": False}.items()
    assert (await client.get("/event-type/user.created")).json() == made.json()
    assert (await client.post("/event-type", json=body)).status_code == 409
    (listed,) = (await client.get("/event-type")).json()["data"]
    assert listed == {**made.json(), "schemas": None}
    (whole,) = (await client.get("/event-type?with_content=true")).json()["data"]
    assert whole == made.json()
    assert (await client.delete("/event-type/user.created")).status_code == 204
    assert (await client.get("/event-type")).json()["data"] == []
    (archived,) = (await client.get("/event-type?include_archived=true")).json()["data"]
    assert archived["archived"]
    again = await client.post("/event-type", json={"name": "user.created", "description": "e"})
    assert (again.status_code, again.json()["description"]) == (201, "e")
    assert (await client.delete("/event-type/user.created?expunge=true")).status_code == 204
    assert (await client.get("/event-type/user.created")).status_code == 404


async def test_put_replaces_or_makes_and_patch_changes(client):
    made = await client.put("/event-type/a", json={"description": "d", "schemas": {"1": SCHEMA}})
    assert (made.status_code, made.json()["name"]) == (201, "a")
    patched = await client.patch("/event-type/a", json={"enforced": True, "name": "ignored"})
    assert (patched.json()["enforced"], patched.json()["name"]) == (True, "a")
    assert patched.json()["schemas"] == {"1": SCHEMA}
    put = await client.put("/event-type/a", json={"description": "e"})
    assert put.status_code == 200
    assert (put.json()["schemas"], put.json()["enforced"]) == (None, False)
    assert (await client.patch("/event-type/b", json={})).status_code == 404


async def test_put_replaces_what_somebody_else_makes_meanwhile(client, blind_once):
    await client.put("/event-type/a", json={"description": "d"})
    blind_once("change_event_type")
    put = await client.put("/event-type/a", json={"description": "e"})
    assert (put.status_code, put.json()["description"]) == (200, "e")


async def test_event_types_are_paged_by_name(client):
    for name in "bca":
        await client.post("/event-type", json={"name": name, "description": ""})
    page = (await client.get("/event-type?limit=2")).json()
    assert ([each["name"] for each in page["data"]], page["iterator"]) == (["a", "b"], "b")
    rest = (await client.get("/event-type?iterator=b")).json()
    assert ([each["name"] for each in rest["data"]], rest["done"]) == (["c"], True)


async def test_a_flagged_event_type_is_hidden_from_applications(client, app_id, token_of):
    for name, flag in (("open", None), ("hidden", "beta")):
        body = {"name": name, "description": "", "featureFlag": flag}
        await client.post("/event-type", json=body)
    headers = {"authorization": f"Bearer {token_of(app_id)}"}
    seen = (await client.get("/event-type", headers=headers)).json()
    assert [each["name"] for each in seen["data"]] == ["open"]
    assert (await client.get("/event-type/open", headers=headers)).status_code == 200
    assert (await client.get("/event-type/hidden", headers=headers)).status_code == 404
    last = (await client.get("/event-type?limit=1", headers=headers)).json()
    assert (last["iterator"], last["prevIterator"], last["done"]) == ("open", "-open", True)
    await client.put(f"/app/{app_id}/endpoint/e", json={"url": "https://example.com/"})
    example = await client.post(
        f"/app/{app_id}/endpoint/e/send-example", json={"eventType": "hidden"}, headers=headers
    )
    assert example.status_code == 404


async def test_the_token_of_a_deleted_application_sees_no_event_type(client, app_id, token_of):
    await client.post("/event-type", json={"name": "open", "description": ""})
    await client.delete(f"/app/{app_id}")
    headers = {"authorization": f"Bearer {token_of(app_id)}"}
    assert (await client.get("/event-type", headers=headers)).json()["data"] == []
    assert (await client.get("/event-type/open", headers=headers)).status_code == 404


@pytest.mark.parametrize("name", ["description", "archived", "deprecated", "enforced"])
async def test_null_does_not_stand_for_false(client, name):
    await client.post("/event-type", json={"name": "a", "description": "", "archived": True})
    refused = await client.patch("/event-type/a", json={name: None})
    assert refused.json()["detail"][0]["type"] == "type_error.none.not_allowed"
    assert (await client.get("/event-type/a")).json()["archived"]


async def test_newer_clients_name_the_feature_in_a_list(client):
    path, body = "/event-type/e", {"description": ""}
    made = await client.put(path, json={**body, "featureFlags": ["beta"]})
    assert (made.json()["featureFlag"], made.json()["featureFlags"]) == ("beta", ["beta"])
    assert (await client.patch(path, json={"deprecated": True})).json()["featureFlag"] == "beta"
    changed = await client.patch(path, json={"featureFlags": ["gamma"]})
    assert changed.json()["featureFlag"] == "gamma"
    for none in ([], None):
        await client.patch(path, json={"featureFlag": "gamma"})
        assert (await client.patch(path, json={"featureFlags": none})).json()["featureFlag"] is None
    both = {**body, "featureFlags": None, "featureFlag": "beta"}
    assert (await client.put(path, json=both)).json()["featureFlag"] == "beta"


async def test_a_token_made_with_a_feature_sees_its_event_types(client, app_id):
    for name in ("beta", "gamma"):
        body = {"name": name, "description": "", "featureFlag": name, "schemas": {"1": {}}}
        await client.post("/event-type", json=body)
    await client.put(f"/app/{app_id}/endpoint/e", json={"url": "https://example.com/"})
    longest = [f"{number}".ljust(256, "f") for number in range(9)]
    access = {"featureFlags": [*longest, "beta"]}
    token = (await client.post(f"/auth/app-portal-access/{app_id}", json=access)).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    seen = (await client.get("/event-type", headers=headers)).json()
    assert [each["name"] for each in seen["data"]] == ["beta"]
    for name, status in (("beta", 200), ("gamma", 404)):
        assert (await client.get(f"/event-type/{name}", headers=headers)).status_code == status
        example = f"/app/{app_id}/endpoint/e/send-example"
        sent = await client.post(example, json={"eventType": name}, headers=headers)
        assert sent.status_code == status
    bad = {"featureFlags": ["a b"]}
    refused = await client.post(f"/auth/app-portal-access/{app_id}", json=bad)
    assert refused.json()["detail"][0]["loc"] == ["body", "featureFlags"]


async def test_pages_go_on_behind_a_name_that_begins_with_a_dash(client):
    names = ["--a", "-a", "-b", "a", "b"]
    for name in names:
        await client.post("/event-type", json={"name": name, "description": ""})
    found, page = [], {"iterator": "", "done": False}
    while not page["done"]:
        query = {"limit": 1, "iterator": page["iterator"]}
        page = (await client.get("/event-type", params=query)).json()
        found += [each["name"] for each in page["data"]]
    assert found == names
    empty = (await client.get("/event-type", params={"iterator": "~-z"})).json()
    assert [each["name"] for each in empty["data"]] == ["a", "b"]
    back = (await client.get("/event-type", params={"iterator": "--b", "limit": 1})).json()
    assert [each["name"] for each in back["data"]] == ["-a"]
    before = (await client.get("/event-type", params={"iterator": "---"})).json()
    assert (before["data"], before["iterator"], before["prevIterator"]) == ([], None, "---")
    end = (await client.get("/event-type", params={"iterator": "b"})).json()
    assert (end["data"], end["iterator"], end["prevIterator"]) == ([], "b", None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "a", "description": "", "featureFlags": ["a", "b"]}, "featureFlags"),
        ({"name": "a", "description": "", "featureFlags": ["a b"]}, "featureFlags"),
        ({"name": "a", "description": "", "featureFlags": "beta"}, "featureFlags"),
        ({"description": ""}, "name"), ({"name": "a b", "description": ""}, "name"),
        ({"name": "a"}, "description"), ({"name": "a", "description": 5}, "description"),
        ({"name": "a", "description": "", "enforced": True}, "enforced"),
        ({"name": "a", "description": "", "featureFlag": "a b"}, "featureFlag"),
    ],
)  # fmt: skip
async def test_a_bad_event_type_is_named(client, body, field):
    answer = await client.post("/event-type", json=body)
    assert answer.status_code == 422
    assert [each["loc"] for each in answer.json()["detail"]] == [["body", field]]


@pytest.mark.parametrize(
    "schemas",
    [
        5, {"1": 5}, {"1": {"type": "nonsense"}}, {"1": {"pattern": 5}}, {"a b": {}},
        {"1": {"$ref": "https://example.com/schema.json"}}, {"1": {"$ref": "file:///etc/passwd"}},
        {"1": {"items": [{"$ref": "#/$defs/none"}]}}, {"1": {"$ref": "other"}},
        {"1": {"properties": {"a": {"$ref": "#/$defs/none"}}}}, {"1": {"$ref": "#nowhere"}},
        {"1": {"$dynamicRef": "http://x/"}},
        {"1": {"$ref": "#/allOf/x", "allOf": [True]}}, {"1": {"$id": "http://[", "$ref": "#/a"}},
        {"1": {"title": "text", "$ref": "#/title/a"}}, {"1": {"items": {"pattern": "("}}},
        {"1": {"patternProperties": {"(": {}}}},
        {str(number): {} for number in range(101)},
    ],
)  # fmt: skip
async def test_a_schema_that_cannot_be_used_is_refused(client, schemas):
    body = {"name": "a", "description": "", "schemas": schemas}
    answer = await client.post("/event-type", json=body)
    assert answer.status_code == 422
    assert {tuple(each["loc"]) for each in answer.json()["detail"]} == {("body", "schemas")}


def test_a_schema_that_is_nested_too_deep_is_refused():
    schema = functools.reduce(lambda inner, _: {"not": inner}, range(500), {})
    assert schema_fault(schema) == "this is nested too deep"


async def test_no_schemas_are_none(client):
    made = await client.post("/event-type", json={"name": "a", "description": "", "schemas": {}})
    assert made.json()["schemas"] is None
