# ruff: noqa: PLC0415 # a framework is imported where it is needed: it may be absent
"""The per-route helpers, beyond what the recipes show."""

import io
import json

import pytest

from hookseal import ConfigError, WebhookError, generate_secret
from hookseal.inprocess import call_wsgi
from hookseal.testing import WebhookClient

from .apps import load, need

SECRET = generate_secret()


class TestFlask:
    @pytest.fixture
    def flask(self):
        need("flask")
        import flask

        return flask

    @pytest.fixture
    def app(self, flask):
        return flask.Flask(__name__)

    @pytest.fixture
    def sender(self, app):
        return WebhookClient(app, SECRET, path="/hooks/7?q=1")

    def test_a_view_reads_the_body_and_its_arguments(self, flask, app, sender):
        from hookseal.flask import webhook, webhook_event

        @app.post("/hooks/<int:number>")
        @webhook(SECRET)
        def receive(number):
            assert flask.request.get_json() == webhook_event().json()
            return {"number": number, "q": flask.request.args["q"]}, 201, {"x-mine": "1"}

        answer = sender.send({"a": 1})
        assert (answer.status, answer.json()) == (201, {"number": 7, "q": "1"})
        assert answer.headers["x-mine"] == "1"

    def test_an_async_view_is_one_too(self, app, sender):
        need("asgiref")
        from hookseal.flask import webhook

        @app.post("/hooks/<int:number>")
        @webhook(SECRET)
        async def receive(number):
            return {"number": number}

        assert sender.send({}).json() == {"number": 7}

    def test_a_streamed_reply_streams_and_is_stored(self, app, sender):
        from hookseal.flask import webhook

        @app.post("/hooks/<int:number>")
        @webhook(SECRET, max_reply=8)
        def receive(number):
            return iter(["more than ", "eight bytes"])

        first, again = sender.send({}, event_id="1"), sender.send({}, event_id="1")
        assert (first.body, again.status, again.body) == (b"more than eight bytes", 200, b"")
        assert again.headers["webhook-replayed"] == "true"

    def test_what_read_the_body_before_does_no_harm(self, flask, app, sender):
        from hookseal.flask import webhook

        app.before_request(lambda: flask.request.get_data() and None)

        @app.post("/hooks/<int:number>")
        @webhook(SECRET)
        def receive(number):
            return flask.request.get_json()

        assert sender.send({"a": 1}).json() == {"a": 1}

    def test_what_parsed_the_body_before_leaves_nothing_to_verify(self, flask, app):
        from hookseal.flask import webhook

        app.before_request(lambda: flask.request.form and None)
        app.add_url_rule("/hooks", "hooks", webhook(SECRET)(lambda: "done"), methods=["POST"])
        signed = WebhookClient(app, SECRET).sign(body=b"a=1")
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = call_wsgi(app, "/hooks", signed.headers | form, signed.body)
        assert answer.status == 400
        assert json.loads(answer.body)["code"] == "body_incomplete"

    def test_other_views_are_as_they_were(self, app):
        from hookseal.flask import webhook_event

        @app.post("/open")
        def receive():
            with pytest.raises(ConfigError, match="no verified webhook event at /open"):
                webhook_event()
            return "done"

        assert app.test_client().post("/open", data=b"{}").data == b"done"

    def test_an_error_handler_for_apps_that_are_wrapped_whole(self, app):
        from hookseal.flask import webhook_error, webhook_event
        from hookseal.wsgi import WebhookMiddleware

        app.register_error_handler(WebhookError, webhook_error)
        app.add_url_rule("/", "hooks", lambda: webhook_event().json(), methods=["POST"])
        answer = WebhookClient(WebhookMiddleware(app, SECRET), SECRET).send(body=b"no")
        assert (answer.status, answer.json()["code"]) == (422, "payload_malformed")

    def test_wrong_settings_stop_the_start(self):
        need("flask")
        from hookseal.flask import webhook

        with pytest.raises(ConfigError, match="secrets: none given"):
            webhook(None)


class TestFastAPI:
    def test_other_routes_are_as_they_were(self, monkeypatch):
        need("fastapi", "httpx2")
        monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
        from hookseal.fastapi import VerifiedEvent

        app = load("fastapi_route_app").app

        async def unprotected(event: VerifiedEvent) -> str:
            return event.id

        app.add_api_route("/open", unprotected, methods=["POST"])
        with pytest.raises(ConfigError, match="no verified webhook event at /open"):
            WebhookClient(app, SECRET, path="/open").send({})

    def test_a_router_may_have_a_prefix_and_others_beside_it(self):
        need("fastapi")
        from fastapi import APIRouter, FastAPI, Request

        from hookseal.fastapi import VerifiedEvent, webhook_route

        router = APIRouter(route_class=webhook_route(SECRET), prefix="/hooks")

        @router.post("/{name}")
        async def receive(name: str, event: VerifiedEvent, request: Request) -> dict[str, object]:
            return {"name": name, "same": await request.body() == event.body}

        app = FastAPI()
        app.include_router(router, prefix="/v1")

        @app.post("/v1/open")
        async def unguarded() -> str:
            return "open"

        assert WebhookClient(app, SECRET, path="/v1/open").send({}).status == 200
        sender = WebhookClient(app, SECRET, path="/v1/hooks/shop")
        assert sender.send({}).json() == {"name": "shop", "same": True}
        assert WebhookClient(app, generate_secret(), path="/v1/hooks/shop").send({}).status == 401

    def test_wrong_settings_stop_the_start(self):
        need("fastapi")
        from hookseal.fastapi import webhook_route

        with pytest.raises(ConfigError, match="secrets: none given"):
            webhook_route()


def test_starlettes_handler_leaves_other_errors_alone():
    need("starlette")
    from starlette.requests import Request

    from hookseal.starlette import webhook_error

    with pytest.raises(KeyError):
        webhook_error(Request({"type": "http"}), KeyError("other"))


def test_sources_have_their_own_paths_policies_and_events(monkeypatch):
    need("fastapi")
    secrets = {"shop": generate_secret(), "bank": generate_secret()}
    for name, secret in secrets.items():
        monkeypatch.setenv(f"{name.upper()}_SECRET", secret)
    app = load("sources_app").app
    shop = WebhookClient(app, secrets["shop"], path="/webhooks/shop/orders")
    bank = WebhookClient(app, secrets["bank"], path="/webhooks/bank/payments")

    assert shop.send({}, event_id="1").json() == {"order": "1"}
    assert bank.send({}, event_id="1").json() == {"payment": "1"}
    assert bank.send({}, event_id="1").headers["webhook-replayed"] == "true"
    assert (
        WebhookClient(app, secrets["shop"], path="/webhooks/bank/payments").send({}).status == 401
    )
    assert shop.send(body=b" " * 1024 * 1025).status == 200
    assert bank.send(body=b" " * 1024 * 1025).status == 413


ECHOES = {}


def echo(function):
    ECHOES[function.__name__] = function
    return function


@echo
def starlette():
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def receive(request):
        return Response(await request.body())

    return Starlette(routes=[Route("/", receive, methods=["POST"])])


@echo
def fastapi():
    from fastapi import FastAPI, Request, Response

    app = FastAPI()

    @app.post("/")
    async def receive(request: Request) -> Response:
        return Response(json.dumps(await request.json(), separators=(",", ":")))

    return app


@echo
def litestar():
    from litestar import Litestar, Request, Response, post

    async def receive(request):
        return Response(await request.body(), media_type="text/plain")

    receive.__annotations__ = {"request": Request, "return": Response[bytes]}
    return Litestar([post("/")(receive)])


@echo
def quart():
    from quart import Quart, request

    app = Quart(__name__)

    @app.post("/")
    async def receive():
        return await request.get_data()

    return app


@echo
def falcon():
    from falcon.asgi import App

    class Echo:
        async def on_post(self, req, resp):
            resp.data = await req.stream.read()

    app = App()
    app.add_route("/", Echo())
    return app


@echo
def blacksheep():
    from blacksheep import Application, Content, Request, Response
    from blacksheep.server.routing import Router

    app = Application(router=Router())

    async def receive(request):
        return Response(200, content=Content(b"text/plain", await request.read()))

    receive.__annotations__ = {"request": Request, "return": Response}
    app.router.add_post("/", receive)
    return app


@echo
def flask():
    from flask import Flask, request

    app = Flask(__name__)

    @app.post("/")
    def receive():
        return request.get_data()

    return app


@echo
def bottle():
    from bottle import Bottle, request

    app = Bottle()

    @app.post("/")
    def receive():
        return request.body.read()

    return app


@echo
def pyramid():
    from pyramid.config import Configurator
    from pyramid.response import Response

    with Configurator() as config:
        config.add_route("echo", "/")
        config.add_view(lambda request: Response(request.body), route_name="echo")
        return config.make_wsgi_app()


SYNC = {"flask", "bottle", "pyramid"}


@pytest.mark.parametrize("name", ECHOES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_handler_reads_the_body_as_it_was_sent(name):
    need(name)
    import hookseal.asgi
    import hookseal.wsgi

    face = hookseal.wsgi if name in SYNC else hookseal.asgi
    app = face.WebhookMiddleware(ECHOES[name](), SECRET)
    body = b'{"size":"' + b"x" * 5_000 + b'"}'
    answer = WebhookClient(app, SECRET).send(body=body)
    assert answer.status // 100 == 2
    assert answer.body == body


def test_a_stream_to_read_from(monkeypatch):
    """A WSGI server's input may give less than it was asked for."""
    need("flask")

    class Trickle(io.BytesIO):
        def read1(self, size=-1):
            return super().read1(min(size, 3))

    from hookseal.wsgi import WebhookMiddleware

    app = WebhookMiddleware(ECHOES["flask"](), SECRET)
    signed = WebhookClient(app, SECRET).sign({"type": "invoice.paid"})

    def slowly(environ, start_response):
        environ["wsgi.input"] = Trickle(signed.body)
        return app(environ, start_response)

    assert call_wsgi(slowly, "/", signed.headers, signed.body).body == signed.body
