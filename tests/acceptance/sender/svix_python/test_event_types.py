"""Event types made, changed, archived and expunged."""

from __future__ import annotations

import pytest
from svix.api import EventTypeDeleteOptions, EventTypeListOptions
from svix.exceptions import HttpError
from svix.models import EventTypeIn, EventTypePatch, EventTypeUpsertIn

pytestmark = pytest.mark.acceptance


def test_an_event_type_is_patched_replaced_archived_and_expunged(svix, name):
    event = f"user.{name}"
    schema = {"type": "object", "required": ["id"]}
    made = svix.event_type.create(
        EventTypeIn(name=event, description="A user", schemas={"1": schema}, feature_flags=["beta"])
    )
    assert (made.name, made.archived, made.schemas) == (event, False, {"1": schema})
    assert (made.feature_flags, made.feature_flag) == (["beta"], "beta")
    assert svix.event_type.get(event).description == "A user"
    assert svix.event_type.patch(event, EventTypePatch(deprecated=True)).deprecated
    replaced = svix.event_type.upsert(event, EventTypeUpsertIn(description="Somebody"))
    assert (replaced.description, replaced.deprecated) == ("Somebody", False)

    svix.event_type.delete(event)
    assert svix.event_type.get(event).archived
    listed = svix.event_type.list(EventTypeListOptions(limit=250))
    assert event not in {item.name for item in listed.data}
    listed = svix.event_type.list(EventTypeListOptions(limit=250, include_archived=True))
    assert event in {item.name for item in listed.data}

    svix.event_type.delete(event, EventTypeDeleteOptions(expunge=True))
    with pytest.raises(HttpError, match="not_found"):
        svix.event_type.get(event)
