"""Deliveries are the same to us and to the two libraries that most receivers and senders use."""

import importlib
import time
from datetime import UTC, datetime

import pytest

from hookseal import Signer, Verifier, WebhookError, generate_secret

BODIES = [
    b"{}",
    b'{"type":"invoice.paid","amount":1}',
    '{"name":"café ☃"}'.encode(),
    b'"' + b"x" * 70_000 + b'"',
]


@pytest.fixture
def secret():
    return generate_secret()


@pytest.fixture(params=["standardwebhooks", "svix"])
def library(request):
    """The class Webhook of another library, and what it raises for a forgery."""
    module = pytest.importorskip(request.param)
    return request.param, module.Webhook


def refusal(name):
    return importlib.import_module(f"{name}.webhooks").WebhookVerificationError


@pytest.mark.parametrize("body", BODIES, ids=len)
def test_they_verify_what_we_sign(library, secret, body):
    _, webhook = library
    headers = Signer(secret).headers("evt_1", int(time.time()), body)
    webhook(secret).verify(body, headers)


@pytest.mark.parametrize("body", BODIES, ids=len)
def test_we_verify_what_they_sign(library, secret, body):
    name, webhook = library
    now = datetime.now(UTC)
    headers = {
        "id": "evt_1",
        "timestamp": str(int(now.timestamp())),
        "signature": webhook(secret).sign("evt_1", now, body.decode()),
    }
    prefix = "svix" if name == "svix" else "webhook"
    named = {f"{prefix}-{field}": value for field, value in headers.items()}
    assert Verifier(secret).verify(named, body).id == "evt_1"


def test_a_rotation_of_ours_is_one_of_theirs(library, secret):
    _, webhook = library
    newer = generate_secret()
    headers = Signer([newer, secret], overlap=True).headers("evt_1", int(time.time()), b"{}")
    for each in (secret, newer):
        webhook(each).verify(b"{}", headers)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda headers, body: (headers, body + b" "),
        lambda headers, body: ({**headers, "webhook-id": "evt_2"}, body),
        lambda headers, body: ({**headers, "webhook-timestamp": "1"}, body),
        lambda headers, body: ({**headers, "webhook-signature": "v1,AAAA"}, body),
        lambda headers, body: (dict(list(headers.items())[1:]), body),
    ],
    ids=["body", "id", "timestamp", "signature", "missing"],
)
def test_what_they_refuse_so_do_we(library, secret, spoil):
    name, webhook = library
    headers, body = spoil(Signer(secret).headers("evt_1", int(time.time()), b"{}"), b"{}")
    with pytest.raises(refusal(name)):
        webhook(secret).verify(body, headers)
    with pytest.raises(WebhookError):
        Verifier(secret).verify(headers, body)
