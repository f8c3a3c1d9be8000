"""Refusals as the SDK's errors, and what tokens may not do."""

from __future__ import annotations

import pytest
from svix import Svix, SvixOptions
from svix.api import MessageListOptions
from svix.exceptions import HttpError, HTTPValidationError
from svix.models import ApplicationIn, AppPortalAccessIn, EndpointIn

from .steps import publish

pytestmark = pytest.mark.acceptance


def test_a_portal_token_opens_its_application_and_no_other(svix, app, keeping, serving):
    access = svix.authentication.app_portal_access(app.id, AppPortalAccessIn())
    assert access.url.startswith("http")
    portal = Svix(access.token, SvixOptions(server_url=serving.url))
    try:
        assert [item.id for item in portal.endpoint.list(app.id).data] == [keeping.id]
        other = svix.application.create(ApplicationIn(name="Other"))
        for forbidden in (
            lambda: portal.endpoint.list(other.id),
            portal.application.list,
            lambda: portal.application.create(ApplicationIn(name="Mine")),
        ):
            with pytest.raises(HttpError) as refused:
                forbidden()
            assert refused.value.status_code in {403, 404}
    finally:
        portal._httpx_client.close()


def test_refusals_reach_the_caller_as_the_sdk_s_errors(svix, app, serving):
    for missing in (
        lambda: svix.application.get("nobody"),
        lambda: svix.endpoint.get(app.id, "ep_" + "0" * 27),
        lambda: svix.message.get(app.id, "msg_" + "0" * 27),
        lambda: svix.event_type.get("no.such"),
    ):
        with pytest.raises(HttpError) as refused:
            missing()
        assert (refused.value.status_code, refused.value.code) == (404, "not_found")

    for wrong in (
        lambda: svix.endpoint.create(app.id, EndpointIn(url="ftp://example.com")),
        lambda: svix.endpoint.create(app.id, EndpointIn(url="http://10.0.0.1/")),
        lambda: svix.application.create(ApplicationIn(name="A", uid="not a uid")),
        lambda: svix.message.list(app.id, MessageListOptions(limit=1000)),
    ):
        with pytest.raises(HTTPValidationError) as invalid:
            wrong()
        assert invalid.value.status_code == 422
        first = invalid.value.detail[0]
        assert (bool(first.loc), bool(first.msg), bool(first.type)) == (True, True, True)

    stranger = Svix("not-a-token", SvixOptions(server_url=serving.url))
    with pytest.raises(HttpError) as refused:
        stranger.application.list()
    assert (refused.value.status_code, refused.value.code) == (401, "authentication_failed")
    stranger._httpx_client.close()


def test_the_sender_is_healthy_and_its_log_holds_no_secret(svix, app, keeping, serving):
    svix.health.get()
    secret = svix.endpoint.get_secret(app.id, keeping.id).key
    publish(svix, app)
    log = serving.log.read_text()
    assert secret not in log
    assert "Grüße" not in log
    assert "Traceback" not in log
