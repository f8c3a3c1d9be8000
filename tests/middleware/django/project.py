"""A Django project of one view, called as a server would call it."""

import asyncio
import io
import sys

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings as changed
from django.urls import path

from hookseal.inprocess import Exchange
from tests.middleware.support import SECRET, signed

__all__ = ["CSRF", "MIDDLEWARE", "Project", "changed"]

if not settings.configured:
    settings.configure(
        SECRET_KEY="of these tests only",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=[],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
    django.setup()

MIDDLEWARE = "hookseal.django.WebhookMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


class Project:
    def __init__(self, face, view, hookseal):
        self.face = face
        self.app = None
        self.notes = []
        self.settings = {"ROOT_URLCONF": (path("hooks", view), path("open", view))}
        self.settings["MIDDLEWARE"] = [CSRF]
        if hookseal is not None:
            own = {"secrets": SECRET, "paths": ["/hooks"], "observer": self.notes.append}
            self.settings["HOOKSEAL"] = own | hookseal
            self.settings["MIDDLEWARE"] = [MIDDLEWARE, CSRF]

    def start(self):
        self.app = (ASGIHandler if self.face == "asgi" else WSGIHandler)()

    @property
    def noted(self):
        return [note.name for note in self.notes]

    def send(self, call=None, *, chunked=False, hang_up_after=None, **environ):
        call = call or signed(path="/hooks")
        if self.face == "wsgi":
            return self._wsgi(call, chunked, hang_up_after, environ)
        return asyncio.run(self._asgi(call, chunked, hang_up_after))

    def _wsgi(self, call, chunked, hang_up_after, extra):
        environ = {
            "REQUEST_METHOD": call.method,
            "SCRIPT_NAME": call.mount,
            "PATH_INFO": call.path,
            "QUERY_STRING": call.query,
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": call.peer,
            "wsgi.url_scheme": call.scheme,
            "wsgi.input": io.BytesIO(call.body),
            "wsgi.errors": sys.stderr,
        }
        if chunked:
            environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
        else:
            environ["CONTENT_LENGTH"] = str(len(call.body))
        for name, value in call.headers.items():
            variable = name.upper().replace("-", "_")
            environ[variable if variable == "CONTENT_TYPE" else "HTTP_" + variable] = value
        started = []
        reply = self.app(environ | extra, lambda *start: started.append(start))
        body = b""
        try:
            for number, chunk in enumerate(reply, 1):
                body += chunk
                if number == hang_up_after:
                    break
        finally:
            reply.close()
        status, headers = started[-1]
        return Exchange(int(status[:3]), {k.lower(): v for k, v in headers}, body)

    async def _asgi(self, call, chunked, hang_up_after):
        pairs = [(name.lower().encode(), value.encode()) for name, value in call.headers.items()]
        if not chunked:
            pairs.append((b"content-length", b"%d" % len(call.body)))
        scope = {
            "type": "http",
            "method": call.method,
            "scheme": call.scheme,
            "path": call.mount + call.path,
            "root_path": call.mount,
            "query_string": call.query.encode(),
            "headers": pairs,
            "client": (call.peer, 40_000),
        }
        incoming = [{"type": "http.request", "body": call.body}]
        sent, hung_up = [], asyncio.Event()

        async def receive():
            if incoming:
                return incoming.pop()
            await hung_up.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if len(sent) - 1 == hang_up_after:
                hung_up.set()
                await asyncio.sleep(0.01)

        await self.app(scope, receive, send)
        await asyncio.sleep(0)
        if not sent:
            return None
        headers = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
        return Exchange(sent[0]["status"], headers, b"".join(m.get("body", b"") for m in sent[1:]))
