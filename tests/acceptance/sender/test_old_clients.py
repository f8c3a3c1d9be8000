"""What older SDKs and plain HTTP clients do: slashes at the end of paths, and older names."""

from __future__ import annotations

import pytest

from .running import caller

pytestmark = pytest.mark.acceptance


@pytest.fixture
def api(new_sender):
    sender = new_sender()
    with caller(sender.serve().url, sender.token()) as client:
        yield client


def test_every_step_with_a_slash_at_its_end_and_no_redirect(api, sink):
    app = created(api.post("/app/", json={"name": "Acme"}))
    assert api.get(f"/app/{app['id']}/").json()["name"] == "Acme"
    created(api.post("/event-type/", json={"name": "invoice.paid", "description": "Paid"}))
    endpoint = created(
        api.post(
            f"/app/{app['id']}/endpoint/",
            json={"url": f"{sink.url}/keep/old", "filterTypes": ["invoice.paid"], "version": 1},
        )
    )
    assert endpoint["filterTypes"] == endpoint["eventTypes"] == ["invoice.paid"]

    published = api.post(
        f"/app/{app['id']}/msg/", json={"eventType": "invoice.paid", "payload": {"id": 1}}
    )
    assert published.status_code == 202
    assert published.json()["payload"] == {"id": 1}, "with content unless asked otherwise"
    sink.kept("old")
    listed = api.get(f"/app/{app['id']}/msg/", params={"limit": 10}).json()
    assert [each["id"] for each in listed["data"]] == [published.json()["id"]]
    assert api.delete(f"/app/{app['id']}/endpoint/{endpoint['id']}/").status_code == 204


def test_a_path_that_is_not_there_is_answered_in_json(api):
    for path in ("/nothing/", "/app/x/y/z", "//"):
        refused = api.get(path)
        assert refused.status_code == 404
        assert refused.json()["code"] == "not_found"


def created(response):
    assert response.status_code == 201, response.text
    return response.json()
