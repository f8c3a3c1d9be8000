"""The endpoint that every server runs, as an ASGI and as a WSGI app.

The host of a request names the settings it meets. One counter counts the handler's runs; it is read
on an exempt path.
"""

import asyncio
import threading

import hookseal.asgi
import hookseal.wsgi
from hookseal.errors import ConfigError
from tests.middleware.hostile.profiles import NAMES, PROXIED, RUNS_PATH, settings

SLOW_PATH = "/slow"
SLOW_SECONDS = 0.3
"""Longer than 50 deliveries take to arrive."""


class _Runs:
    def __init__(self):
        self.count = 0
        self._lock = threading.Lock()

    def add(self):
        with self._lock:
            self.count += 1


def _middlewares(face, handler):
    """One for each profile that can be had here; ed25519 is an extra."""
    made = {}
    for name in NAMES:
        try:
            made[name] = face.WebhookMiddleware(handler, **settings(name))
        except ConfigError:
            assert name in {"public-key", "both-kinds"}
    return made


def _profile(host):
    return host.removesuffix(".test") if host.endswith(".test") else PROXIED


# --- ASGI ------------------------------------------------------------------------------------

_asgi_runs = _Runs()


async def _asgi_handler(scope, receive, send):
    if scope["path"] == RUNS_PATH:
        body = b"%d" % _asgi_runs.count
    else:
        _asgi_runs.add()
        body = b"handled"
        if scope["path"] == SLOW_PATH:
            await asyncio.sleep(SLOW_SECONDS)
    while (await receive()).get("more_body", False):
        pass
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_asgi_middlewares = _middlewares(hookseal.asgi, _asgi_handler)


async def asgi_app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    await _asgi_middlewares[_profile(host)](scope, receive, send)


# --- WSGI ------------------------------------------------------------------------------------

_wsgi_runs = _Runs()


def _wsgi_handler(environ, start_response):
    if environ["PATH_INFO"] == RUNS_PATH:
        body = b"%d" % _wsgi_runs.count
    else:
        _wsgi_runs.add()
        body = b"handled"
        if environ["PATH_INFO"] == SLOW_PATH:
            threading.Event().wait(SLOW_SECONDS)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


_wsgi_middlewares = _middlewares(hookseal.wsgi, _wsgi_handler)


def wsgi_app(environ, start_response):
    return _wsgi_middlewares[_profile(environ.get("HTTP_HOST", ""))](environ, start_response)
