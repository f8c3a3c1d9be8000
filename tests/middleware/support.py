"""An endpoint on either face, called as a server would call it.

Knows the least of ASGI and WSGI that carries one request and can hang up in the middle of it. Must
not know what the middleware decides.
"""

import asyncio
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import hookseal.asgi
import hookseal.wsgi
from hookseal import Signer
from hookseal.ledger import MemoryLedger
from hookseal.verify import EVENT_KEY

SECRET = "whsec_" + "Zmlyc3Qg" * 4
OTHER_SECRET = "whsec_" + "c2Vjb25k" * 4
THIRD_SECRET = "whsec_" + "dGhpcmQg" * 4
PUBLIC_KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
PRIVATE_KEY = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
BODY = b'{"type":"invoice.paid"}'
PEER = "198.51.100.7"
SECONDS = 10
"""How long a test that hangs waits before it fails."""

FACES = ("asgi", "wsgi")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, as it reaches the face."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "POST"
    path: str = "/"
    query: str = ""
    mount: str = ""
    scheme: str = "https"
    peer: str | None = PEER
    http_version: str = "1.1"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self):
        return json.loads(self.body)["code"]

    @property
    def replayed(self):
        return self.headers.get("webhook-replayed") == "true"


def signed(event_id="evt_1", body=BODY, *, secret=SECRET, age=0, **parts):
    """A delivery that verifies; ``parts`` are those of its Call."""
    headers = Signer(secret).headers(event_id, int(time.time()) - age, body)
    return Call(headers={**headers, **parts.pop("headers", {})}, body=body, **parts)


def forged(**parts):
    return signed(secret=OTHER_SECRET, **parts)


class Handler:
    """An app for either face that gives its replies in turn, the last one for ever.

    A reply is a status, a (status, headers, body) or an exception to raise. A run waits for the
    event ``hold``, where there is one.
    """

    def __init__(self, *replies, hold=None):
        self._replies = list(replies) or [200]
        self._hold = hold
        self.meanwhile = None
        """Returns the (app, call) that the first run sends itself, before it ends."""
        self.answered = None
        self.events = []

    @property
    def runs(self):
        return len(self.events)

    def _next(self, event):
        self.events.append(event)
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, BaseException):
            raise reply
        return (reply, [], b"done") if isinstance(reply, int) else reply

    async def asgi(self, scope, receive, send):
        message = await receive()
        event = scope.get("state", {}).get(EVENT_KEY)
        assert event is None or message["body"] == event.body
        status, headers, body = self._next(event)
        if self._hold is not None:
            await asyncio.wait_for(self._hold.wait(), SECONDS)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            self.answered = await ask_asgi(*meanwhile())
        pairs = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    def wsgi(self, environ, start_response):
        event = environ.get(EVENT_KEY)
        assert event is None or environ["wsgi.input"].read() == event.body
        status, headers, body = self._next(event)
        if self._hold is not None:
            assert self._hold.wait(SECONDS)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            self.answered = ask_wsgi(*meanwhile())
        start_response(f"{status} Said", headers)
        return [body]


def event_of(face):
    """An event that a handler on ``face`` can wait for."""
    return asyncio.Event() if face == "asgi" else threading.Event()


class Endpoint:
    """The middleware of one face around an app, and the notes it made."""

    def __init__(self, face, app=None, secrets=SECRET, **settings):
        self.face = face
        self.handler = app if app is not None else Handler()
        self.notes = []
        inner = getattr(self.handler, face, self.handler)
        module = hookseal.asgi if face == "asgi" else hookseal.wsgi
        settings.setdefault("observer", self._note)
        self.app = module.WebhookMiddleware(inner, secrets, **settings)

    def _note(self, note):
        if note.name != "completed":  # the ordinary end of every run says nothing more here
            self.notes.append(note)

    @property
    def noted(self):
        return [note.name for note in self.notes]

    def send(self, call):
        if self.face == "asgi":
            return asyncio.run(ask_asgi(self.app, call))
        return ask_wsgi(self.app, call)

    def send_all(self, calls):
        """Send them all at once."""
        if self.face == "asgi":
            return asyncio.run(_gather(self.app, calls))
        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(lambda call: ask_wsgi(self.app, call), calls))


async def _gather(app, calls):
    return await asyncio.gather(*(ask_asgi(app, call) for call in calls))


# --- ASGI ------------------------------------------------------------------------------------


def asgi_scope(call):
    pairs = [
        (name.lower().encode(), value.encode("latin-1")) for name, value in call.headers.items()
    ]
    if call.body:
        pairs.append((b"content-length", b"%d" % len(call.body)))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": call.http_version,
        "method": call.method,
        "scheme": call.scheme,
        "path": call.mount + call.path,
        "query_string": call.query.encode(),
        "root_path": call.mount,
        "headers": pairs,
        "client": None if call.peer is None else (call.peer, 40_000),
        "server": ("testserver", 443),
        "state": {},
    }


class Messages:
    """What the server says, and what it is told."""

    def __init__(self, *incoming):
        self._incoming = list(incoming)
        self.sent = []

    async def receive(self):
        return self._incoming.pop(0) if self._incoming else {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    def answer(self):
        start = next(one for one in self.sent if one["type"] == "http.response.start")
        body = b"".join(one.get("body", b"") for one in self.sent)
        headers = {name.decode(): value.decode() for name, value in start.get("headers", ())}
        return Answer(status=start["status"], headers=headers, body=body)


def body_messages(*chunks):
    return [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks[:-1]] + [
        {"type": "http.request", "body": chunks[-1], "more_body": False}
    ]


async def run_asgi(app, call, *incoming):
    """Call the app, with other messages than the body's where they are given."""
    messages = Messages(*(incoming or body_messages(call.body)))
    await app(asgi_scope(call), messages.receive, messages.send)
    return messages


async def ask_asgi(app, call):
    return (await run_asgi(app, call)).answer()


# --- WSGI ------------------------------------------------------------------------------------


def wsgi_environ(call):
    environ = {
        "REQUEST_METHOD": call.method,
        "SCRIPT_NAME": call.mount,
        "PATH_INFO": call.path,
        "QUERY_STRING": call.query,
        "REMOTE_ADDR": call.peer or "",
        "CONTENT_LENGTH": str(len(call.body)),
        "wsgi.url_scheme": call.scheme,
        "wsgi.input": io.BytesIO(call.body),
        "wsgi.errors": io.StringIO(),
    }
    for name, value in call.headers.items():
        variable = name.upper().replace("-", "_")
        prefix = "" if variable in {"CONTENT_TYPE", "CONTENT_LENGTH"} else "HTTP_"
        environ[prefix + variable] = value
    return environ


class Response:
    """A WSGI response as a server takes it: chunk by chunk, closed once."""

    def __init__(self, app, call, **changes):
        self.started = []
        self.written = []
        self._chunks = app({**wsgi_environ(call), **changes}, self._start)

    def _start(self, status, headers, exc_info=None):
        if exc_info is not None and self.written:
            raise exc_info[1]
        self.started.append((status, headers))
        return self.written.append

    def chunks(self):
        for chunk in self._chunks:
            assert self.started
            self.written.append(chunk)
            yield chunk

    def close(self):
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()

    def answer(self):
        status, headers = self.started[-1]
        return Answer(status=int(status[:3]), headers=dict(headers), body=b"".join(self.written))


def ask_wsgi(app, call, **changes):
    response = Response(app, call, **changes)
    try:
        for _ in response.chunks():
            pass
    finally:
        response.close()
    return response.answer()


# --- ledgers ---------------------------------------------------------------------------------


class AsyncLedger:
    """An async store, by way of the memory ledger."""

    def __init__(self, ledger=None):
        self.inner = ledger if ledger is not None else MemoryLedger()

    def __len__(self):
        return len(self.inner)

    async def claim(self, *arguments):
        await asyncio.sleep(0)
        return self.inner.claim(*arguments)

    async def renew(self, *arguments):
        await asyncio.sleep(0)
        return self.inner.renew(*arguments)

    async def complete(self, *arguments):
        await asyncio.sleep(0)
        return self.inner.complete(*arguments)

    async def release(self, *arguments):
        await asyncio.sleep(0)
        return self.inner.release(*arguments)


class FailingLedger(MemoryLedger):
    """A store that fails at the steps named in ``fails``."""

    def __init__(self, *fails):
        super().__init__()
        self.fails = set(fails)

    def _step(self, name, arguments):
        if name in self.fails:
            raise ConnectionError("the store is away")
        return getattr(MemoryLedger, name)(self, *arguments)

    def claim(self, *arguments):
        return self._step("claim", arguments)

    def renew(self, *arguments):
        return self._step("renew", arguments)

    def complete(self, *arguments):
        return self._step("complete", arguments)

    def release(self, *arguments):
        return self._step("release", arguments)


class WatchedLedger(MemoryLedger):
    """A memory ledger that sets an event at its ``at``-th call of a step."""

    def __init__(self, step, at, event, *, fail=False, **settings):
        super().__init__(**settings)
        self._step, self._left, self._event, self._fail = step, at, event, fail

    def _saw(self, step):
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                self._event.set()
            if self._fail:
                raise ConnectionError("the store is away")

    def claim(self, *arguments):
        outcome = super().claim(*arguments)
        self._saw("claim")
        return outcome

    def renew(self, *arguments):
        renewed = super().renew(*arguments)
        self._saw("renew")
        return renewed


class CountingLedger(MemoryLedger):
    """A memory ledger that counts the events it completed."""

    completed = 0

    def complete(self, *arguments):
        self.completed += 1
        return super().complete(*arguments)
