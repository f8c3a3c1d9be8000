"""The three-line example of the README, as its reader would run it in Django."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hookseal import generate_secret

from .apps import need

ROOT = Path(__file__).parents[2]
SCRIPT = """if True:
    import json, os, sys
    from django.core.asgi import get_asgi_application
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from hookseal.testing import WebhookClient

    app = get_asgi_application() if sys.argv[1] == "asgi" else get_wsgi_application()
    call_command("check", "--fail-level", "WARNING", stdout=sys.stderr)
    sender = WebhookClient(app, os.environ["WEBHOOK_SECRET"], path="/webhooks")
    first, again = sender.send({}, event_id="1"), sender.send({}, event_id="1")
    print(json.dumps([first.json(), again.status, again.headers["webhook-replayed"]]))
"""


def run(face, secret):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "examples.django_settings",
        "WEBHOOK_SECRET": secret,
    }
    command = [sys.executable, "-W", "error::UserWarning", "-c", SCRIPT, face]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, check=False, text=True
    )


@pytest.mark.parametrize("face", ["asgi", "wsgi"])
def test_the_readmes_django_settings(face):
    need("django")
    done = run(face, generate_secret())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [{"handled": "1"}, 200, "true"]


def test_a_secret_that_cannot_be_used_stops_the_start_with_the_fix():
    need("django")
    done = run("wsgi", "")
    assert done.returncode == 1
    assert "ConfigError: HOOKSEAL: secrets: " in done.stderr
