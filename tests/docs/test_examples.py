"""The examples of the documentation, run."""

from __future__ import annotations

import importlib

import pytest

from hookseal import ConfigError, Signer, generate_secret
from hookseal.testing import WebhookClient

SECRET = generate_secret()


@pytest.fixture
def load(monkeypatch):
    """Import an example anew, with the secret in the environment."""

    def load_example(name: str, secret: str | None = SECRET):
        if secret is None:
            monkeypatch.delenv("WEBHOOK_SECRET", raising=False)
        else:
            monkeypatch.setenv("WEBHOOK_SECRET", secret)
        return importlib.reload(importlib.import_module(f"examples.{name}"))

    return load_example


@pytest.mark.parametrize("name", ["fastapi_app", "flask_app", "add_middleware_app"])
def test_the_app_handles_once_and_refuses_the_forged(load, name):
    app = load(name).app
    sender = WebhookClient(app, SECRET, path="/webhooks")
    signed = sender.sign({"type": "invoice.paid"}, event_id="msg_1")

    first, again = sender.send_signed(signed), sender.send_signed(signed)
    forged = WebhookClient(app, generate_secret(), path="/webhooks").send({})

    assert (first.status, first.json()) == (200, {"handled": "msg_1"})
    assert (again.status, again.headers["webhook-replayed"]) == (200, "true")
    assert forged.status == 401


@pytest.mark.parametrize("name", ["fastapi_app", "flask_app"])
@pytest.mark.parametrize("secret", [None, "", "whsec_", "whsec_c2hvcnQ=", "sk_live_1"])
def test_a_secret_that_cannot_be_used_stops_the_start_with_the_fix(load, name, secret):
    with pytest.raises(ConfigError, match=r"secrets: .*whsec_"):
        load(name, secret)
    load(name)  # so that the module is whole again for the next test


def test_tenants_have_their_own_secrets_and_their_own_events(load):
    example = load("tenants_app")
    statuses = {
        tenant: [
            WebhookClient(example.app, secret, path=f"/webhooks/{tenant}").send(event_id="msg_1")
            for secret in secrets
        ]
        for tenant, secrets in example.SECRETS.items()
    }

    assert [one.status for one in statuses["acme"]] == [200, 200]
    assert "webhook-replayed" in statuses["acme"][1].headers  # the older secret, the same event
    assert "webhook-replayed" not in statuses["globex"][0].headers


def test_an_unknown_tenant_and_another_tenants_secret_look_alike(load):
    example = load("tenants_app")
    acme = example.SECRETS["acme"][0]
    answers = [
        WebhookClient(example.app, acme, path=f"/webhooks/{name}").send({})
        for name in ("globex", "nobody")
    ]

    assert answers[0].status == answers[1].status == 401
    assert answers[0].body == answers[1].body


def test_verifying_by_hand(load, capsys):
    example = load("verify_by_hand")
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    client = WebhookClient("https://unused.example", secret)
    signed = client.sign({"type": "invoice.paid"}, event_id="msg_1")

    assert example.handle(signed.headers, signed.body) == 200
    assert example.handle(signed.headers, b"{}") == 401
    assert capsys.readouterr().out == "verified: msg_1\nrefused: signature_invalid\n"
    assert Signer(secret)
