"""The README's three lines for each face, run in an app."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from examples import django_settings, django_urls
from hookseal import generate_secret
from hookseal.testing import WebhookClient

ROOT = Path(__file__).parents[2]
SECRET = generate_secret()
[BLOCK] = re.findall(r"```python\n(# ASGI.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
ASGI, WSGI, DJANGO = BLOCK.split("\n\n# ")


def run(lines, **names):
    exec("\n".join(lines), names)  # as a reader would paste them
    return names


def parts(piece):
    """The lines that set things up, and the one for the handler."""
    _, *setup, handler = piece.strip().splitlines()
    return setup, handler


def wrapped(piece, app, monkeypatch):
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    return run(parts(piece)[0], os=os, app=app)["app"]


def handled_once(app):
    sender = WebhookClient(app, SECRET, path="/webhooks")
    first, again = sender.send(event_id="msg_1"), sender.send(event_id="msg_1")
    forged = WebhookClient(app, generate_secret(), path="/webhooks").send()
    assert (first.status, first.body) == (200, b"msg_1")
    assert again.headers["webhook-replayed"] == "true"
    assert forged.status == 401


def test_asgi(monkeypatch):
    pytest.importorskip("starlette")
    from starlette.applications import Starlette  # noqa: PLC0415 # where it is installed
    from starlette.responses import PlainTextResponse  # noqa: PLC0415 # likewise
    from starlette.routing import Route  # noqa: PLC0415 # likewise

    async def receive(request):
        return PlainTextResponse(run([parts(ASGI)[1]], request=request)["event"].id)

    app = Starlette(routes=[Route("/webhooks", receive, methods=["POST"])])
    handled_once(wrapped(ASGI, app, monkeypatch))


def test_wsgi(monkeypatch):
    flask = pytest.importorskip("flask")
    app = flask.Flask(__name__)

    @app.post("/webhooks")
    def receive():
        return run([parts(WSGI)[1]], request=flask.request)["event"].id

    handled_once(wrapped(WSGI, app, monkeypatch))


def test_django_is_what_the_example_has():
    setup, handler = parts(DJANGO)
    names = run(
        setup,
        os=type("os", (), {"environ": {"WEBHOOK_SECRET": django_settings.HOOKSEAL["secrets"]}}),
        MIDDLEWARE=django_settings.MIDDLEWARE[1:],
    )

    assert names["MIDDLEWARE"] == django_settings.MIDDLEWARE
    assert names["HOOKSEAL"] == django_settings.HOOKSEAL
    assert handler.split("  #")[0] in Path(django_urls.__file__).read_text()
