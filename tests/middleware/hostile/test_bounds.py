import asyncio
import hashlib
import itertools
import time
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import pytest

import hookseal.asgi
import hookseal.environ
import hookseal.wsgi
from hookseal.secrets import HmacKey
from hookseal.transport import Transport

from .case import FORGED, TOO_LARGE, TOO_LONG
from .delivery import BODY, baseline, token
from .drivers import DRIVERS, asgi_scope, drive, wsgi_environ
from .profiles import settings

MIB = 1024 * 1024
LINEAR_SECONDS = 10
"""Of the processor, on any machine: a mebibyte takes milliseconds, squared it takes an hour."""
PIECE = 64 * 1024
FACES = tuple(DRIVERS)


class Pieces:
    """A body that is made as it is read, so that only what the middleware keeps is measured."""

    def __init__(self, count):
        self.left = count
        self.bytes_read = 0

    def next(self):
        if self.left == 0:
            return b""
        self.left -= 1
        self.bytes_read += PIECE
        return bytes(PIECE)


def serve_asgi(delivery, pieces, middleware_settings):
    statuses, seen = [], []

    async def receive():
        body = pieces.next()
        return {"type": "http.request", "body": body, "more_body": bool(pieces.left)}

    async def send(message):
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def handler(scope, receive, send):
        seen.append(len((await receive())["body"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    app = hookseal.asgi.WebhookMiddleware(handler, **middleware_settings)

    async def measured():
        return await peak_of(app(asgi_scope(delivery), receive, send))

    return asyncio.run(measured()), statuses[0], seen


async def peak_of(serving):
    tracemalloc.start()
    try:
        await serving
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Stream:
    def __init__(self, pieces):
        self._pieces = pieces

    def read(self, size):
        assert size <= PIECE
        return self._pieces.next()


def serve_wsgi(delivery, pieces, middleware_settings):
    statuses, seen = [], []

    def handler(environ, start_response):
        seen.append(int(environ["CONTENT_LENGTH"]))
        start_response("200 OK", [])
        return [b""]

    app = hookseal.wsgi.WebhookMiddleware(handler, **middleware_settings)
    environ = wsgi_environ(delivery, Stream(pieces))
    tracemalloc.start()
    try:
        app(environ, lambda status, _: statuses.append(int(status[:3])))
        return tracemalloc.get_traced_memory()[1], statuses[0], seen
    finally:
        tracemalloc.stop()


SERVE = {"asgi": serve_asgi, "wsgi": serve_wsgi}


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("face", FACES)
def test_a_body_is_held_once(face, framing):
    signed = baseline(time.time()).send(bytes(MIB)).signed()
    delivery = replace(signed, chunks=(), framing=framing, declared=b"%d" % MIB)

    peak, status, seen = SERVE[face](delivery, Pieces(MIB // PIECE), settings("proxied"))

    assert (status, seen) == (200, [MIB])
    assert peak < 1.7 * MIB  # the body, its growing buffer's slack and one piece


@pytest.mark.parametrize("face", FACES)
def test_an_endless_body_is_read_to_the_cap_and_not_kept(face):
    pieces = Pieces(100 * 1000 * 1000 // PIECE)
    peak, status, seen = SERVE[face](baseline(time.time()).chunked(), pieces, settings("proxied"))

    assert (status, seen) == (TOO_LARGE.status, [])
    assert pieces.bytes_read <= MIB + PIECE
    assert peak < 1.7 * MIB


@pytest.mark.parametrize("face", FACES)
def test_a_body_declared_too_large_is_not_read(face):
    delivery = replace(baseline(time.time()), declared=b"100000000")
    exchange = drive(face, delivery, "proxied")
    assert exchange.status == TOO_LARGE.status
    assert exchange.reads == 0


def test_a_body_that_stalls_is_given_up_asgi():
    messages = iter([{"type": "http.request", "body": BODY[:9], "more_body": True}])

    async def receive():
        return next(messages, None) or await asyncio.Event().wait()

    assert answer_to(receive) == 408


def test_a_body_of_empty_pieces_is_given_up_asgi():
    async def receive():
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    assert answer_to(receive) == 408


def answer_to(receive):
    statuses = []

    async def send(message):
        statuses.append(message.get("status"))

    async def handler(scope, receive, send):
        raise AssertionError("not whole")

    app = hookseal.asgi.WebhookMiddleware(handler, **{**settings("proxied"), "body_timeout": 0.01})
    asyncio.run(app(asgi_scope(baseline(time.time())), receive, send))
    return statuses[0]


def test_a_body_that_drips_is_given_up_wsgi(monkeypatch):
    seconds = itertools.count()
    clock = SimpleNamespace(time=time.time, monotonic=lambda: next(seconds), sleep=None)
    monkeypatch.setattr(hookseal.environ, "time", clock)
    delivery = baseline(time.time())
    delivery = delivery.send(*(bytes([byte]) for byte in BODY))
    exchange = drive("wsgi", delivery, "proxied")
    assert exchange.status == 408
    assert exchange.reads <= 11
    assert exchange.seen == []


@pytest.mark.parametrize("face", FACES)
def test_10000_signatures_are_refused_before_any_hashing(face, monkeypatch):
    hashed = count_hashes(monkeypatch)
    honest = baseline(time.time())
    listed = honest.signature(b" ".join([b"v1," + b"A" * 43 + b"="] * 10_000))

    exchange = drive(face, listed, "proxied")

    assert exchange.status == TOO_LONG.status
    assert len(hashed) == 0


@pytest.mark.parametrize("face", FACES)
def test_the_body_is_hashed_once_however_many_signatures_there_are(face, monkeypatch):
    hashed = count_hashes(monkeypatch)
    honest = baseline(time.time())
    listed = honest.signature(b" ".join(token(bytes([n]) * 32) for n in range(16)))

    exchange = drive(face, listed, "proxied")

    assert exchange.status == FORGED.status
    assert hashed == [len(BODY)]


def count_hashes(monkeypatch):
    """Return the list that the sizes of hashed bodies are added to."""
    hashed = []

    class CountingHash:
        def __init__(self, prefix):
            self._inner = hashlib.sha256(prefix)

        def update(self, chunk):
            hashed.append(len(chunk))
            self._inner.update(chunk)

        def digest(self):
            return self._inner.digest()

    monkeypatch.setattr(HmacKey, "begin", lambda _, prefix: CountingHash(prefix))
    return hashed


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"webhook-id", b"a" * MIB),
        (b"webhook-id", b"." * MIB),
        (b"webhook-timestamp", b"9" * MIB),
        (b"webhook-signature", b"v1," * MIB),
        (b"webhook-signature", b" " * MIB),
        (b"content-encoding", b"," * MIB),
        (b"content-length", b"9" * MIB),
        (b"x-forwarded-proto", b"," * MIB),
    ],
)
def test_a_header_of_a_mebibyte_is_read_in_linear_time(face, header, value):
    delivery = baseline(time.time())
    if header == b"content-length":
        delivery = replace(delivery, declared=value)
    else:
        delivery = delivery.set(header, value)
    started = time.process_time()
    exchange = drive(face, delivery, "proxied")
    assert 400 <= exchange.status < 500
    assert time.process_time() - started < LINEAR_SECONDS


@pytest.mark.parametrize(
    "value", [b'for="' + b"\\" * MIB, b'for="' * MIB, b";" * MIB, b"a" * MIB, b"a=" * MIB]
)
def test_a_forwarded_header_of_a_mebibyte_is_read_in_linear_time(value):
    delivery = baseline(time.time()).set(b"forwarded", value)
    started = time.process_time()
    exchange = drive("asgi", delivery, "forwarded")
    assert exchange.status == 403
    assert time.process_time() - started < LINEAR_SECONDS


def test_long_addresses_are_not_kept():
    transport = Transport(trusted_proxies=["127.0.0.1"])
    tracemalloc.start()
    try:
        for number in range(100):
            fields = {b"x-forwarded-for": (b"%d" % number).ljust(64 * 1024, b"x")}
            request = SimpleNamespace(peer="127.0.0.1", scheme="http", fields=fields)
            assert transport.client(request) is None
            assert transport.client(SimpleNamespace(peer="x" * 64 * 1024, fields={})) is None
        del fields, request
        assert tracemalloc.get_traced_memory()[0] < MIB
    finally:
        tracemalloc.stop()


def wsgi_answer(environ):
    def handler(environ, start_response):
        raise AssertionError("its body is not whole")

    statuses = []
    app = hookseal.wsgi.WebhookMiddleware(handler, **settings("proxied"))
    app(environ, lambda status, _: statuses.append(status))
    return statuses


def test_a_chunked_body_that_the_server_does_not_end_is_refused_wsgi():
    environ = wsgi_environ(baseline(time.time()).chunked(), stream=None)
    environ["wsgi.input_terminated"] = False
    assert wsgi_answer(environ) == ["411 Length Required"]


def test_a_body_that_the_server_cannot_read_is_the_clients_fault_wsgi():
    class Broken:
        def read(self, size):
            raise OSError("the chunk's length is no number")

    environ = wsgi_environ(baseline(time.time()).chunked(), Broken())
    assert wsgi_answer(environ) == ["400 Bad Request"]
