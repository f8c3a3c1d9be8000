# ruff: noqa: PLC0415 # a framework is imported where it is needed: it may be absent
"""Each recipe of docs/frameworks.md, in the real framework: what a sender and a handler meet."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import pytest

from hookseal import generate_secret
from hookseal.inprocess import call_asgi, call_wsgi
from hookseal.testing import WebhookClient

from .apps import Django, load, need

SECRET = generate_secret()
ASGI = {
    "starlette_app": "starlette",
    "starlette_route_app": "starlette",
    "fastapi_route_app": "fastapi",
    "litestar_app": "litestar",
    "quart_app": "quart",
    "falcon_asgi_app": "falcon",
    "blacksheep_app": "blacksheep",
}
WSGI = {
    "falcon_wsgi_app": "falcon",
    "flask_route_app": "flask",
    "bottle_app": "bottle",
    "pyramid_app": "pyramid",
}


class Recipe:
    """An example, its app and how to call it."""

    def __init__(self, module, app, face, path="/webhooks"):
        self.module, self.app, self.face, self.path = module, app, face, path
        self.handled = []
        self.fails_with = []
        module.handle = self._handle
        self.sender = WebhookClient(app, SECRET, path=path)

    def _handle(self, event):
        self.handled.append(event)
        if self.fails_with:
            raise self.fails_with.pop()
        assert event.json() is not None

    def over_plain_http(self):
        signed = self.sender.sign({})
        arguments = (self.app, self.path, signed.headers, signed.body)
        if self.face == "wsgi":
            return call_wsgi(*arguments, scheme="http")
        return asyncio.run(call_asgi(*arguments, scheme="http"))

    def mounted(self):
        """The app below a prefix, as its interface mounts apps."""
        if self.face == "wsgi":
            need("werkzeug")
            from werkzeug.exceptions import NotFound
            from werkzeug.middleware.dispatcher import DispatcherMiddleware

            return DispatcherMiddleware(NotFound(), {"/below": self.app})
        need("starlette")
        from starlette.applications import Starlette
        from starlette.routing import Mount

        return Starlette(routes=[Mount("/below", app=self.app)])


@contextmanager
def plain(name, face):
    module = load(name)
    yield Recipe(module, module.app, face)


DECORATED = {"MIDDLEWARE": ["django.middleware.csrf.CsrfViewMiddleware"]}


@contextmanager
def django_middleware(face):
    settings, urls = load("django_settings"), load("django_urls")
    given = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
    taken = urls.receive

    def receive(request):
        recipe._handle(request.hookseal_event)
        return taken(request)

    urls.urlpatterns[0].callback = receive
    with Django(face, **given | {"ROOT_URLCONF": tuple(urls.urlpatterns)}) as app:
        recipe = Recipe(urls, app, face)
        yield recipe


@contextmanager
def django_decorator(face, path="/webhooks"):
    with Django(face, **DECORATED):  # which configures it
        urls = load("django_decorator_urls")
    with Django(face, ROOT_URLCONF=tuple(urls.urlpatterns), **DECORATED) as app:
        yield Recipe(urls, app, face, path)


RECIPES = {
    **{name: (package, plain, (name, "asgi")) for name, package in ASGI.items()},
    **{name: (package, plain, (name, "wsgi")) for name, package in WSGI.items()},
    "django, MIDDLEWARE, ASGI": ("django", django_middleware, ("asgi",)),
    "django, MIDDLEWARE, WSGI": ("django", django_middleware, ("wsgi",)),
    "django, decorator, ASGI": ("django", django_decorator, ("asgi",)),
    "django, decorator, WSGI": ("django", django_decorator, ("wsgi",)),
    "django, async view, ASGI": ("django", django_decorator, ("asgi", "/webhooks/async")),
    "django, async view, WSGI": ("django", django_decorator, ("wsgi", "/webhooks/async")),
}


@pytest.fixture(params=RECIPES.values(), ids=RECIPES)
def recipe(request, monkeypatch):
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    package, make, arguments = request.param
    need(package)
    with make(*arguments) as made:
        yield made


def test_a_signed_delivery_is_handled_with_its_event(recipe):
    answer = recipe.sender.send({"type": "invoice.paid"}, event_id="msg_1")

    assert (answer.status, answer.json()) == (200, {"handled": "msg_1"})
    assert [event.id for event in recipe.handled] == ["msg_1"]
    assert recipe.handled[0].json() == {"type": "invoice.paid"}


def test_a_duplicate_gets_the_stored_reply_and_is_not_handled(recipe):
    signed = recipe.sender.sign({"type": "invoice.paid"}, event_id="msg_1")
    first, again = recipe.sender.send_signed(signed), recipe.sender.send_signed(signed)

    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "webhook-replayed" not in first.headers
    assert again.headers["webhook-replayed"] == "true"
    assert len(recipe.handled) == 1


def test_a_forged_delivery_is_a_401(recipe):
    answer = WebhookClient(recipe.app, generate_secret(), path=recipe.path).send({})

    assert (answer.status, answer.json()["code"]) == (401, "signature_invalid")
    assert recipe.handled == []


def test_plain_http_is_a_403(recipe):
    answer = recipe.over_plain_http()

    assert answer.status == 403
    assert b"insecure_transport" in answer.body
    assert recipe.handled == []


def test_a_handler_that_raises_is_run_again(recipe):
    recipe.fails_with = [RuntimeError("the database is away")]
    signed = recipe.sender.sign({"type": "invoice.paid"}, event_id="msg_1")
    try:
        first = recipe.sender.send_signed(signed).status
    except RuntimeError:  # some frameworks leave it to the server
        first = 500
    again = recipe.sender.send_signed(signed)

    assert (first, again.status) == (500, 200)
    assert "webhook-replayed" not in again.headers
    assert len(recipe.handled) == 2


def test_a_payload_that_is_not_json_is_a_422(recipe):
    answer = recipe.sender.send(body=b"not json", event_id="msg_1")

    assert (answer.status, answer.json()["code"]) == (422, "payload_malformed")
    assert answer.headers["content-type"] == "application/problem+json"


def test_below_a_prefix_it_is_the_same(recipe):
    if recipe.module.__name__ == "examples.falcon_asgi_app":
        pytest.skip("Falcon's ASGI app routes by the whole path, and cannot be mounted")
    app = recipe.mounted()
    path = "/below" + recipe.path
    sender = WebhookClient(app, SECRET, path=path)
    signed = sender.sign({"type": "invoice.paid"}, event_id="msg_1")
    first, again = sender.send_signed(signed), sender.send_signed(signed)
    forged = WebhookClient(app, generate_secret(), path=path).send({})

    assert (first.status, again.status, forged.status) == (200, 200, 401)
    assert again.headers["webhook-replayed"] == "true"
    assert len(recipe.handled) == 1
