"""The examples of docs/inbox.md, run."""

from __future__ import annotations

import contextlib
import importlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hookseal import generate_secret
from hookseal.policy import Policy
from hookseal.testing import WebhookClient

ROOT = Path(__file__).parents[2]
SECRET = generate_secret()


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Import an example anew, with a secret and an empty database."""
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("DATABASE", str(tmp_path / "app.db"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'app.db'}")
    return lambda name: importlib.reload(importlib.import_module(f"examples.{name}"))


def paid(folder: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(folder / "app.db")) as database:
        return [invoice for (invoice,) in database.execute("SELECT invoice FROM paid")]


@pytest.mark.parametrize("name", ["inbox_sqlite_app", "inbox_sqlalchemy_app"])
def test_the_effect_happens_once_although_the_ledger_forgot(load, tmp_path, name):
    testclient = pytest.importorskip("starlette.testclient")
    example = load(name)
    forgetful = type(example.app)(example.api, policy=Policy(secrets=SECRET, ledger=None))

    with testclient.TestClient(forgetful, base_url="https://testserver") as client:
        sender = WebhookClient(client, SECRET, path="/webhooks")
        answers = [sender.send({"invoice": 17}, event_id="evt_1").json() for _ in range(2)]
        failed = WebhookClient(
            testclient.TestClient(
                forgetful, base_url="https://testserver", raise_server_exceptions=False
            ),
            SECRET,
            path="/webhooks",
        )
        spoilt = failed.send({}, event_id="evt_2")
        retried = sender.send({"invoice": 18}, event_id="evt_2")

    assert answers == [{"handled": "evt_1"}, {"handled": "already"}]
    assert spoilt.status == 500  # no invoice: the transaction was rolled back with the inbox row
    assert retried.json() == {"handled": "evt_2"}
    assert paid(tmp_path) == [17, 18]


IN_DJANGO = """
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["hookseal.inbox.django"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from django.core.management import call_command
from django.http import HttpRequest
call_command("migrate", verbosity=0)
from examples import inbox_django_views
from hookseal import WebhookEvent
request = HttpRequest()
request.hookseal_event = WebhookEvent("evt_1", 1, b'{"invoice": 17}', "standard", "acme")
print([inbox_django_views.receive(request).content.decode() for _ in range(2)])
"""


def test_a_view_of_django_takes_effect_once():
    pytest.importorskip("django")
    done = subprocess.run(
        [sys.executable, "-c", IN_DJANGO],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == """['{"handled": "evt_1"}', '{"handled": "already"}']\n"""
