"""Signing keys, rotated with and without overlap."""

from __future__ import annotations

import base64

import pytest
from svix import Webhook, WebhookVerificationError
from svix.models import EndpointSecretRotateIn

from .steps import publish

pytestmark = pytest.mark.acceptance


def test_a_rotated_secret_signs_beside_the_old_one(svix, app, keeping, sink, name):
    old = svix.endpoint.get_secret(app.id, keeping.id).key
    svix.endpoint.rotate_secret(app.id, keeping.id, EndpointSecretRotateIn())
    new = svix.endpoint.get_secret(app.id, keeping.id).key
    assert new != old

    publish(svix, app)
    delivered = sink.kept(name)[0]
    for secret in (old, new):
        Webhook(secret).verify(delivered["body"], delivered["headers"])


def test_a_secret_rotated_without_grace_signs_alone(svix, app, keeping, sink, name):
    old = svix.endpoint.get_secret(app.id, keeping.id).key
    key = "whsec_" + base64.b64encode(b"thirty-two bytes of my own choice").decode()
    svix.endpoint.rotate_secret(
        app.id, keeping.id, EndpointSecretRotateIn(key=key, grace_period_seconds=0)
    )
    assert svix.endpoint.get_secret(app.id, keeping.id).key == key

    publish(svix, app)
    delivered = sink.kept(name)[0]
    Webhook(key).verify(delivered["body"], delivered["headers"])
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(delivered["body"], delivered["headers"])
