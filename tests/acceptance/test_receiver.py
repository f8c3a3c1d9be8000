"""hookseal-receiver as a process: it says where it listens, serves, and stops when asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hookseal import generate_secret
from hookseal.testing import WebhookClient

pytestmark = pytest.mark.acceptance
SECRET = generate_secret()


@pytest.fixture
def receiver(free_port):
    process = subprocess.Popen(
        [
            Path(sys.executable).with_name("hookseal-receiver"),
            "--port",
            str(free_port),
            "--allow-insecure",
        ],
        env={**os.environ, "HOOKSEAL_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def announced_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().split()[2].rstrip(",")


def test_it_serves_where_it_says_and_stops_on_sigterm(receiver):
    client = WebhookClient(announced_url(receiver), SECRET)

    assert client.send({"type": "invoice.paid"}).status == 200

    receiver.terminate()
    _, log = receiver.communicate(timeout=10)
    assert receiver.returncode == 0
    assert "insecure_allowed" in log


def test_its_log_holds_neither_secret_nor_body(receiver):
    url = announced_url(receiver)
    for secret in (SECRET, generate_secret()):
        WebhookClient(url, secret).send({"type": "canary-in-the-body"})

    receiver.terminate()
    shown, log = receiver.communicate(timeout=10)
    assert "signature_invalid" in log
    assert "canary" not in shown + log
    assert SECRET not in shown + log
