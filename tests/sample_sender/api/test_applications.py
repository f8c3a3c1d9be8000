"""Applications, and what all lists share."""

import pytest

pytestmark = pytest.mark.anyio


async def test_an_application_is_made_read_and_deleted(client):
    made = await client.post(
        "/app/", json={"name": "a", "uid": "u", "metadata": {"k": "v"}, "throttleRate": 5}
    )
    assert made.status_code == 201
    body = made.json()
    assert body["id"].startswith("app_")
    assert (body["name"], body["uid"], body["metadata"]) == ("a", "u", {"k": "v"})
    assert (body["plan"], body["throttleRate"]) == ("enterprise", 5)
    assert body["createdAt"].endswith("Z")
    assert (await client.get("/app/u")).json() == body
    assert (await client.get(f"/app/{body['id']}/")).json() == body
    assert (await client.get("/app")).json()["data"] == [body]
    assert (await client.delete(f"/app/{body['id']}")).status_code == 204
    assert (await client.get("/app/u")).status_code == 404


async def test_a_uid_is_used_once(client):
    body = (await client.post("/app", json={"name": "a", "uid": "u"})).json()
    again = await client.post("/app", json={"name": "a", "uid": "u"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    found = await client.post(
        "/app", params={"get_if_exists": "true"}, json={"name": "b", "uid": "u"}
    )
    assert (found.status_code, found.json()) == (200, body)
    new = await client.post("/app", params={"get_if_exists": "true"}, json={"name": "b"})
    assert new.status_code == 201


async def test_put_replaces_or_makes(client):
    made = await client.put("/app/u", json={"name": "a", "throttleRate": 5})
    assert (made.status_code, made.json()["uid"]) == (201, "u")
    put = await client.put("/app/u", json={"name": "b", "metadata": {"k": "v"}})
    assert put.status_code == 200
    changed = {"name": "b", "metadata": {"k": "v"}, "throttleRate": None, "rateLimit": None}
    assert put.json() == {**made.json(), **changed, "updatedAt": put.json()["updatedAt"]}
    assert (await client.put("/app/app_unknown", json={"name": "b"})).status_code == 404
    bad = await client.put("/app/a b", json={"name": "b"})
    assert (bad.status_code, bad.json()["detail"][0]["loc"]) == (422, ["path", "app_id"])


async def test_put_replaces_what_somebody_else_makes_meanwhile(client, app_id, blind_once):
    blind_once("application")
    put = await client.put("/app/tenant", json={"name": "b"})
    assert (put.status_code, put.json()["id"], put.json()["name"]) == (200, app_id, "b")


async def test_put_makes_nothing_under_another_uid(client, app_id):
    other = await client.put("/app/other", json={"name": "b", "uid": "tenant"})
    assert (other.status_code, other.json()["detail"][0]["loc"]) == (422, ["body", "uid"])
    assert (await client.put("/app/tenant", json={"name": "b", "uid": "new"})).json()[
        "id"
    ] == app_id


async def test_patch_changes_only_what_it_names(client, app_id):
    before = (await client.get("/app/tenant")).json()
    patched = await client.patch("/app/tenant", json={"plan": "free", "metadata": {"k": "v"}})
    assert patched.json() == {
        **before, "plan": "free", "metadata": {"k": "v"}, "updatedAt": patched.json()["updatedAt"],
    }  # fmt: skip
    assert (await client.patch("/app/tenant", json={"uid": None})).json()["uid"] is None
    assert (await client.patch(f"/app/{app_id}", json={"rateLimit": 9})).json()["throttleRate"] == 9
    assert (await client.patch("/app/unknown", json={})).status_code == 404
    for name in ("name", "metadata"):
        refused = await client.patch(f"/app/{app_id}", json={name: None})
        assert refused.json()["detail"][0]["loc"] == ["body", name]


async def test_the_default_plan_is_a_setting(connect, make_services):
    async with connect(make_services(default_plan="free")) as client:
        assert (await client.post("/app", json={"name": "a"})).json()["plan"] == "free"
        put = await client.put("/app/u", json={"name": "a", "plan": "enterprise"})
        assert put.json()["plan"] == "enterprise"
        kept = await client.put("/app/u", json={"name": "b"})
        assert kept.json()["plan"] == "enterprise"


async def test_pages_go_both_ways(client, clock):
    ids = []
    for number in range(3):
        clock.advance(1)
        ids.append((await client.post("/app", json={"name": str(number)})).json()["id"])
    first = (await client.get("/app", params={"limit": 2})).json()
    assert [each["id"] for each in first["data"]] == ids[:2]
    assert (first["iterator"], first["prevIterator"], first["done"]) == (
        ids[1],
        f"-{ids[0]}",
        False,
    )
    rest = (await client.get("/app", params={"limit": 2, "iterator": ids[1]})).json()
    assert ([each["id"] for each in rest["data"]], rest["done"]) == (ids[2:], True)
    back = (await client.get("/app", params={"iterator": rest["prevIterator"]})).json()
    assert [each["id"] for each in back["data"]] == ids[:2]
    begin = (await client.get("/app", params={"iterator": f"-{ids[0]}"})).json()
    assert begin == {"data": [], "iterator": None, "prevIterator": f"-{ids[0]}", "done": True}
    end = (await client.get("/app", params={"iterator": ids[2]})).json()
    assert end == {"data": [], "iterator": ids[2], "prevIterator": None, "done": True}
    newest = (await client.get("/app", params={"order": "descending"})).json()
    assert [each["id"] for each in newest["data"]] == ids[::-1]
    assert (await client.get("/app?iterator=&limit=1&other=x")).json()["data"][0]["id"] == ids[0]
