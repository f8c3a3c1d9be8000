"""Tiny ASGI and WSGI servers, each for one delivery.

Knows what real servers hand over: headers in lower case and in order to an ASGI app; one variable a
name, lines joined by commas, as wsgiref does, to a WSGI app. Fails where an app reads past the
declared length, which would block on a kept connection.
"""

import asyncio
import io
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_to_bytes

import hookseal.asgi
import hookseal.wsgi
from hookseal.verify import EVENT_KEY

from .profiles import settings

HANDLER_BODY = b"handled"


@dataclass
class Exchange:
    """What a client saw, and what happened behind it."""

    status: int | None = None
    """None where the connection was closed without an answer."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seen: list[bytes] = field(default_factory=list)
    """The body that each run of the handler read."""
    reads: int = 0
    """How often the middleware or the handler asked for some of the body."""
    bytes_read: int = 0


def announced(delivery):
    """The length that a server takes from the headers, or None."""
    text = delivery.length
    return int(text) if text is not None and text.isdigit() and len(text) < 19 else None


def _target(delivery):
    path, _, query = delivery.path.partition(b"?")
    return path, query


def _headers(delivery):
    pairs = list(delivery.headers)
    if delivery.framing == "chunked":
        pairs.append((b"transfer-encoding", b"chunked"))
    elif delivery.length is not None:
        pairs.append((b"content-length", delivery.length))
    return pairs


def _pieces(delivery):
    """The body as it arrives: never more than was announced."""
    left = announced(delivery)
    for chunk in delivery.chunks:
        piece = chunk if left is None else chunk[:left]
        if left is not None:
            left -= len(piece)
        if piece:
            yield piece


# --- ASGI ------------------------------------------------------------------------------------


def asgi_scope(delivery):
    path, query = _target(delivery)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": delivery.method,
        "scheme": delivery.scheme,
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in _headers(delivery)],
        "client": None if delivery.peer is None else (delivery.peer, 40_000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


def _asgi_messages(delivery):
    pieces = list(_pieces(delivery))
    length = announced(delivery)
    if length is not None and sum(map(len, pieces)) < length:
        last = {"type": "http.disconnect"}
    elif pieces and delivery.framing == "length":
        last = {"type": "http.request", "body": pieces.pop()}
    else:
        last = {"type": "http.request", "more_body": False}
    for piece in pieces:
        yield {"type": "http.request", "body": piece, "more_body": True}
    yield last


async def asgi_body(receive):
    body = b""
    while True:
        message = await receive()
        assert message["type"] == "http.request"
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


async def asgi_exchange(delivery, middleware_settings):
    exchange = Exchange()
    messages = _asgi_messages(delivery)

    async def receive():
        exchange.reads += 1
        message = next(messages, {"type": "http.disconnect"})
        exchange.bytes_read += len(message.get("body", b""))
        return message

    async def send(message):
        if message["type"] == "http.response.start":
            assert exchange.status is None
            exchange.status = message["status"]
            exchange.headers = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in message["headers"]
            }
        else:
            exchange.body += message.get("body", b"")

    async def handler(scope, receive, send):
        exchange.seen.append(await asgi_body(receive))
        event = scope["state"].get(EVENT_KEY)
        assert event is None or event.body == exchange.seen[-1]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": HANDLER_BODY})

    app = hookseal.asgi.WebhookMiddleware(handler, **middleware_settings)
    await app(asgi_scope(delivery), receive, send)
    return exchange


def drive_asgi(delivery, middleware_settings):
    return asyncio.run(asgi_exchange(delivery, middleware_settings))


# --- WSGI ------------------------------------------------------------------------------------


class _Input(io.RawIOBase):
    """What a server gives an app to read from: a piece a call, and then the end."""

    def __init__(self, delivery, exchange):
        super().__init__()
        self._pieces = _pieces(delivery)
        self._left = announced(delivery)
        self._ends = delivery.framing == "chunked"
        self._rest = b""
        self._exchange = exchange
        self.overread = False

    def read(self, size=-1):
        if not self._ends:
            self.overread |= self._left is None or not 0 <= size <= self._left
        self._exchange.reads += 1
        piece = self._rest or next(self._pieces, b"")
        given, self._rest = (piece, b"") if size < 0 else (piece[:size], piece[size:])
        if self._left is not None:
            self._left -= len(given)
        self._exchange.bytes_read += len(given)
        return given


def _variables(delivery):
    variables = {}
    for name, value in _headers(delivery):
        variable = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        if variable in {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"}:
            variable = variable.removeprefix("HTTP_")
        text = value.decode("latin-1")
        variables[variable] = f"{variables[variable]},{text}" if variable in variables else text
    return variables


def wsgi_environ(delivery, stream):
    path, query = _target(delivery)
    return {
        "REQUEST_METHOD": delivery.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "REMOTE_ADDR": delivery.peer or "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": delivery.scheme,
        "wsgi.input": stream,
        "wsgi.input_terminated": delivery.framing == "chunked",
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **_variables(delivery),
    }


def drive_wsgi(delivery, middleware_settings):
    exchange = Exchange()
    stream = _Input(delivery, exchange)

    def start_response(status, headers, exc_info=None):
        assert exchange.status is None
        exchange.status = int(status.split(" ", 1)[0])
        exchange.headers = dict(headers)

    def handler(environ, start_response):
        exchange.seen.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        event = environ.get(EVENT_KEY)
        assert event is None or event.body == exchange.seen[-1]
        start_response("200 OK", [])
        return [HANDLER_BODY]

    app = hookseal.wsgi.WebhookMiddleware(handler, **middleware_settings)
    chunks = app(wsgi_environ(delivery, stream), start_response)
    exchange.body = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    assert not stream.overread
    return exchange


DRIVERS = {"asgi": drive_asgi, "wsgi": drive_wsgi}


def drive(face, delivery, profile):
    return DRIVERS[face](delivery, settings(profile))
