"""Endpoints, their filters and headers, and what is delivered to them."""

from __future__ import annotations

import pytest
from svix.models import (
    EndpointHeadersIn,
    EndpointHeadersPatchIn,
    EndpointIn,
    EndpointPatch,
    EndpointUpsertIn,
)

from hookseal import generate_secret

from .steps import EVENT, publish

pytestmark = pytest.mark.acceptance


def test_an_endpoint_with_everything(svix, app, sink, name):
    secret = generate_secret()
    made = svix.endpoint.create(
        app.id,
        EndpointIn(
            url=f"{sink.url}/keep/{name}",
            uid=name,
            description="Billing",
            event_types=[EVENT],
            channels=["project_1"],
            throttle_rate=50,
            secret=secret,
            metadata={"team": "billing"},
            headers={"X-Tenant": "acme"},
        ),
    )
    assert made.id.startswith("ep_")
    assert svix.endpoint.get(app.id, name) == made
    assert (made.event_types, made.channels) == ([EVENT], ["project_1"])
    assert (made.description, made.metadata) == ("Billing", {"team": "billing"})
    assert (made.throttle_rate, made.disabled) == (50, False)
    assert svix.endpoint.get_secret(app.id, name).key == secret

    publish(svix, app)  # for no channel
    sent = publish(svix, app, channels=["project_1", "project_2"])
    delivered = sink.kept(name)
    assert [each["headers"]["webhook-id"] for each in delivered] == [sent.id]
    assert delivered[0]["headers"]["x-tenant"] == "acme"


def test_an_endpoint_is_patched_upserted_and_deleted(svix, app, keeping, sink):
    patched = svix.endpoint.patch(
        app.id, keeping.id, EndpointPatch(description="New", metadata={"a": "b"}, disabled=True)
    )
    assert (patched.description, patched.metadata, patched.disabled) == ("New", {"a": "b"}, True)
    assert patched.url == keeping.url
    replaced = svix.endpoint.upsert(
        app.id, keeping.id, EndpointUpsertIn(url=f"{keeping.url}-2", event_types=[EVENT])
    )
    assert (replaced.id, replaced.url) == (keeping.id, f"{keeping.url}-2")
    assert (replaced.event_types, replaced.description, replaced.disabled) == ([EVENT], "", False)
    new = svix.endpoint.upsert(app.id, "by-uid", EndpointUpsertIn(url=keeping.url, uid="by-uid"))
    assert new.id != keeping.id
    assert {item.id for item in svix.endpoint.list(app.id).data} == {keeping.id, new.id}

    svix.endpoint.delete(app.id, keeping.id)
    assert [item.id for item in svix.endpoint.list(app.id).data] == [new.id]


def test_headers_are_sent_and_the_sensitive_ones_not_shown(svix, app, keeping, sink, name):
    svix.endpoint.set_headers(
        app.id,
        keeping.id,
        EndpointHeadersIn(
            headers={"X-Tenant": "acme", "Authorization": "Bearer t0p", "X-Old": "1"}
        ),
    )
    svix.endpoint.patch_headers(
        app.id,
        keeping.id,
        EndpointHeadersPatchIn(headers={"X-New": "2"}, delete_headers=["X-Old"]),
    )
    shown = svix.endpoint.get_headers(app.id, keeping.id)
    assert {key.lower(): value for key, value in shown.headers.items()} == {
        "x-tenant": "acme",
        "x-new": "2",
    }
    assert [each.lower() for each in shown.sensitive] == ["authorization"]

    publish(svix, app)
    sent = sink.kept(name)[0]["headers"]
    assert (sent["x-tenant"], sent["x-new"], sent["authorization"]) == ("acme", "2", "Bearer t0p")
    assert "x-old" not in sent
