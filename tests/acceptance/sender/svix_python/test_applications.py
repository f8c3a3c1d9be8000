"""Applications made, found, changed and deleted."""

from __future__ import annotations

import pytest
from svix.exceptions import HttpError
from svix.models import ApplicationIn, ApplicationPatch

pytestmark = pytest.mark.acceptance


def test_an_application_by_id_and_uid_is_patched_replaced_and_deleted(svix, name):
    made = svix.application.create(
        ApplicationIn(name="Acme", uid=name, throttle_rate=100, metadata={"tier": "gold"})
    )
    assert made.id.startswith("app_")
    assert svix.application.get(name) == svix.application.get(made.id) == made
    assert (made.metadata, made.throttle_rate) == ({"tier": "gold"}, 100)

    patched = svix.application.patch(name, ApplicationPatch(name="Acme & Sons"))
    assert (patched.name, patched.metadata) == ("Acme & Sons", {"tier": "gold"})
    replaced = svix.application.upsert(name, ApplicationIn(name="Acme III", uid=name))
    assert (replaced.id, replaced.name, replaced.metadata) == (made.id, "Acme III", {})

    svix.application.delete(name)
    with pytest.raises(HttpError) as refused:
        svix.application.get(made.id)
    assert (refused.value.status_code, refused.value.code) == (404, "not_found")


def test_an_application_is_got_or_created_and_upserted_into_being(svix, name):
    first = svix.application.get_or_create(ApplicationIn(name="Acme", uid=name))
    again = svix.application.get_or_create(ApplicationIn(name="Other", uid=name))
    assert (again.id, again.name) == (first.id, "Acme")
    new = svix.application.upsert(f"{name}-2", ApplicationIn(name="New", uid=f"{name}-2"))
    assert new.uid == f"{name}-2"

    with pytest.raises(HttpError) as refused:
        svix.application.create(ApplicationIn(name="Third", uid=name))
    assert (refused.value.status_code, refused.value.code) == (409, "conflict")
