"""Report mode: every request reaches the app as it came; what would have been done is noted."""

import asyncio
import io

import pytest

import hookseal.asgi
from hookseal import ConfigError
from hookseal.handshakes import HubHandshake
from hookseal.ledger import MemoryLedger
from hookseal.policy import Policy

from .hostile import drivers
from .hostile.delivery import baseline
from .hostile.profiles import settings as profile_settings
from .hostile.table import CASES
from .support import (
    BODY,
    FACES,
    SECONDS,
    SECRET,
    FailingLedger,
    Handler,
    Response,
    asgi_scope,
    body_messages,
    forged,
    run_asgi,
    signed,
)

NOW = 1_800_000_000.0


@pytest.fixture
def reported(endpoint):
    """Makes an endpoint in report mode."""

    def make(app=None, **settings):
        return endpoint(app, mode="report", **settings)

    return make


def noted(one):
    return [(note.name, note.code) for note in one.notes]


# --- the hostile table -----------------------------------------------------------------------


def arriving(delivery):
    return b"".join(drivers._pieces(delivery))


@pytest.fixture
def stopped(monkeypatch):
    """The time of arrival, on both faces."""
    monkeypatch.setattr("time.time", lambda: NOW)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_handler_sees_every_hostile_request_as_it_came(case, face, stopped, monkeypatch):
    if case.needs_cryptography:
        pytest.importorskip("cryptography")
    delivery, notes = case.make(baseline(NOW)), []
    answer = case.on_wsgi if face == "wsgi" and case.on_wsgi is not None else case.answer
    given = {**profile_settings(case.profile), "mode": "report", "observer": notes.append}

    exchange = drive_raw(face, delivery, given)

    assert exchange.status == 200
    assert exchange.body == drivers.HANDLER_BODY
    assert exchange.seen == [arriving(delivery) if readable(face, delivery) else b""]
    would = [(note.name, note.code) for note in notes if note.name.startswith("would")]
    if answer.refused:
        assert would == [("would_reject", answer.code)]
    else:
        assert would == ([] if answer.handled else [("would_reply", "")])


def readable(face, delivery):
    """Whether a WSGI app that goes by the length can read the body."""
    chunked = delivery.framing == "chunked"
    return face == "asgi" or chunked or drivers.announced(delivery) is not None


def drive_raw(face, delivery, given):
    """Drive with a handler that reads all there is, up to a hang-up."""
    if face == "asgi":
        return asyncio.run(_asgi_exchange(delivery, given))
    return _wsgi_exchange(delivery, given)


async def _asgi_exchange(delivery, given):
    exchange = drivers.Exchange()
    messages = drivers._asgi_messages(delivery)

    async def receive():
        return next(messages, {"type": "http.disconnect"})

    async def send(message):
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
        else:
            exchange.body += message["body"]

    async def handler(scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        exchange.seen.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": drivers.HANDLER_BODY})

    app = hookseal.asgi.WebhookMiddleware(handler, **given)
    await app(drivers.asgi_scope(delivery), receive, send)
    return exchange


def _wsgi_exchange(delivery, given):
    exchange = drivers.Exchange()
    stream = drivers._Input(delivery, exchange)

    def start_response(status, headers, exc_info=None):
        exchange.status = int(status[:3])

    def handler(environ, start_response):
        size = -1 if delivery.framing == "chunked" else drivers.announced(delivery)
        exchange.seen.append(b"" if size is None else environ["wsgi.input"].read(size))
        start_response("200 OK", [])
        return [drivers.HANDLER_BODY]

    app = hookseal.wsgi.WebhookMiddleware(handler, **given)
    exchange.body = b"".join(app(drivers.wsgi_environ(delivery, stream), start_response))
    assert not stream.overread
    return exchange


# --- decisions -------------------------------------------------------------------------------


def test_a_refused_request_is_noted_with_its_code_and_carries_no_event(reported):
    one = reported()
    assert one.send(forged()).status == 200
    assert noted(one) == [("would_reject", "signature_invalid")]
    assert one.handler.events == [None]


def test_a_verified_request_carries_its_event_and_is_noted_as_ever(reported):
    one = reported()
    assert one.send(signed("evt_1")).status == 200
    assert one.noted == ["accepted"]
    assert one.handler.events[0].id == "evt_1"


def test_a_duplicate_is_handled_again_and_noted(reported):
    one = reported()
    answers = [one.send(signed("a")) for _ in range(3)]
    assert [answer.replayed for answer in answers] == [False] * 3
    assert one.handler.runs == 3
    assert [event.id for event in one.handler.events] == ["a"] * 3
    assert one.noted.count("would_reply") == 2


def test_a_changed_body_under_the_same_id_is_noted(reported):
    one = reported()
    one.send(signed("a"))
    one.send(signed("a", b"other"))
    assert one.handler.events[1].body == b"other"
    assert one.noted == ["accepted", "body_changed", "would_reply"]


def test_a_duplicate_in_flight_does_not_wait(reported):
    handler = Handler()
    one = reported(handler, in_flight_wait=3600)
    handler.meanwhile = lambda: (one.app, signed("a"))
    assert one.send(signed("a")).status == 200
    assert handler.answered.status == 200
    assert handler.runs == 2
    assert ("would_reject", "delivery_in_flight") in noted(one)


def test_a_handler_that_fails_leaves_the_event_to_be_handled(reported):
    one = reported(Handler(500, 200))
    assert [one.send(signed("a")).status for _ in range(2)] == [500, 200]
    assert one.noted == ["accepted", "released", "accepted"]


def test_budgets_are_spent_and_bind_nobody(reported):
    one = reported(failure_budget="1/hour", source_budget="1/hour")
    for call in (signed("a"), signed("b"), forged(), signed("c")):
        assert one.send(call).status == 200
    would = [code for name, code in noted(one) if name == "would_reject"]
    assert would == ["source_rate_limited", "signature_invalid", "too_many_failures"]
    assert [event and event.id for event in one.handler.events] == ["a", "b", None, None]


def test_an_event_that_a_budget_would_refuse_stays_unclaimed(reported):
    ledger = MemoryLedger()
    one = reported(source_budget="1/hour", ledger=ledger)
    for event_id in "ab":
        one.send(signed(event_id))
    assert len(ledger) == 1


def test_a_store_that_is_away_stops_nothing(reported):
    one = reported(ledger=FailingLedger("claim"))
    assert one.send(signed("a")).status == 200
    assert noted(one)[:2] == [("ledger_failed", ""), ("would_reject", "ledger_unavailable")]
    assert one.handler.events[0].id == "a"


def test_a_picker_that_fails_stops_nothing(reported):
    def picker(request):
        raise RuntimeError

    one = reported(secrets=picker)
    assert one.send(signed()).status == 200
    assert noted(one) == [("picker_failed", ""), ("would_reject", "secrets_unavailable")]


def test_a_handshake_is_left_to_the_app(reported):
    one = reported(handshakes=[HubHandshake("verify-me")])
    query = "hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=1"
    assert one.send(signed(method="GET", query=query)).body == b"done"
    assert one.noted == ["would_reply"]


def test_what_is_not_ours_passes_unseen(reported):
    one = reported(paths=["/webhooks"])
    assert one.send(forged(path="/elsewhere")).status == 200
    assert one.notes == []


def test_what_report_mode_learnt_holds_when_it_is_turned_off(endpoint):
    ledger = MemoryLedger()
    endpoint(mode="report", ledger=ledger).send(signed("a"))
    enforcing = endpoint(ledger=ledger)
    assert enforcing.send(signed("a")).replayed
    assert enforcing.handler.runs == 0


def test_the_mode_is_one_of_two():
    with pytest.raises(ConfigError, match=r"^mode: 'off'; write 'enforce' or 'report'"):
        Policy(secrets=SECRET, mode="off")


# --- bodies, ASGI ----------------------------------------------------------------------------


class Reader:
    """An ASGI app that keeps every message it receives."""

    def __init__(self):
        self.messages = []

    async def asgi(self, scope, receive, send):
        more = True
        while more:
            self.messages.append(await receive())
            more = self.messages[-1].get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"read"})


def asgi_endpoint(app, **settings):
    notes = []
    made = hookseal.asgi.WebhookMiddleware(
        app, SECRET, mode="report", observer=notes.append, **settings
    )
    return made, notes


def test_a_body_over_the_cap_streams_on():
    reader, chunks = Reader(), [b"x" * 600] * 4
    app, notes = asgi_endpoint(reader.asgi, max_body=1000)
    call = signed(body=b"".join(chunks))
    scope = asgi_scope(call)
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
    left = body_messages(*chunks)

    async def receive():
        return left.pop(0)

    async def send(message):
        pass

    asyncio.run(app(scope, receive, send))
    assert [message["body"] for message in reader.messages] == chunks
    assert [(note.name, note.code) for note in notes] == [("would_reject", "body_too_large")]


def test_a_body_that_comes_late_is_not_lost():
    reader, came = Reader(), asyncio.Event()

    async def handler(scope, receive, send):
        came.set()  # only now, when the gate has given up
        await reader.asgi(scope, receive, send)

    async def receive():
        await came.wait()
        return {"type": "http.request", "body": BODY}

    async def send(message):
        pass

    app, notes = asgi_endpoint(handler, body_timeout=0.01)
    asyncio.run(app(asgi_scope(signed()), receive, send))
    assert reader.messages == [{"type": "http.request", "body": BODY}]
    assert [(note.name, note.code) for note in notes] == [("would_reject", "body_timeout")]


def test_a_message_that_nobody_asks_for_is_not_waited_for():
    async def deaf(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    app, _ = asgi_endpoint(deaf, body_timeout=0.01)
    cancelled = []

    async def run():
        async def receive():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        async def send(message):
            pass

        await asyncio.wait_for(app(asgi_scope(signed()), receive, send), SECONDS)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert cancelled == [True]


def test_a_client_that_went_away_is_the_apps_to_deal_with():
    reader = Reader()
    app, notes = asgi_endpoint(reader.asgi)
    messages = [*body_messages(b"part", b"")[:1], {"type": "http.disconnect"}]
    asyncio.run(run_asgi(app, signed(body=b"part and more"), *messages))
    assert reader.messages == messages
    assert [note.code for note in notes] == ["body_incomplete"]


@pytest.mark.parametrize(
    ("messages", "stored"),
    [
        ([{"type": "http.response.body", "body": b"ab", "more_body": True},
          {"type": "http.response.body", "body": b"c"}], b"abc"),
        ([{"type": "http.response.pathsend", "path": "/x"}], b""),
        (
            [
                {"type": "http.response.zerocopysend", "file": 3, "more_body": True},
                {"type": "http.response.zerocopysend", "file": 3},
            ],
            b"",
        ),
        ([{"type": "http.response.body", "body": b"ab"},
          {"type": "http.response.trailers", "headers": []}], b"ab"),
    ],
    ids=["streamed", "file", "two files", "trailers"],
)  # fmt: skip
def test_a_reply_goes_out_as_it_is_made(messages, stored):
    ledger = MemoryLedger()

    async def streaming(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        for message in messages:
            await send(message)
            assert seen.sent[-1] is message  # nothing is held back

    app, notes = asgi_endpoint(streaming, ledger=ledger)
    seen = type("Seen", (), {"sent": []})()

    async def run():
        left = body_messages(BODY)

        async def receive():
            return left.pop(0)

        async def send(message):
            seen.sent.append(message)

        await app(asgi_scope(signed("a")), receive, send)

    asyncio.run(run())
    assert [note.name for note in notes] == ["accepted", "completed"]
    enforcing = hookseal.asgi.WebhookMiddleware(None, SECRET, ledger=ledger)
    assert asyncio.run(run_asgi(enforcing, signed("a"))).answer().body == stored


def test_an_asgi_app_that_raises_is_left_to_raise():
    async def broken(scope, receive, send):
        raise LookupError

    app, notes = asgi_endpoint(broken)
    with pytest.raises(LookupError):
        asyncio.run(run_asgi(app, signed()))
    assert [note.name for note in notes] == ["accepted", "released"]


# --- bodies, WSGI ----------------------------------------------------------------------------


def wsgi_endpoint(app, **settings):
    notes = []
    made = hookseal.wsgi.WebhookMiddleware(
        app, SECRET, mode="report", observer=notes.append, **settings
    )
    return made, notes


class Trickle:
    """An input that gives ``size`` bytes a read and fails where it is read past its end."""

    def __init__(self, body, size=7):
        self._body = io.BytesIO(body)
        self._size = size
        self._left = len(body)

    def read(self, size):
        assert 0 < size <= self._left
        chunk = self._body.read(min(size, self._size))
        self._left -= len(chunk)
        return chunk


def reading(read):
    seen = []

    def app(environ, start_response):
        seen.append(read(environ["wsgi.input"]))
        start_response("200 OK", [])
        return [b"read"]

    return app, seen


def reply_to(app, call, **changes):
    response = Response(app, call, **changes)
    list(response.chunks())
    response.close()
    return response


@pytest.mark.parametrize(
    ("read", "gives"),
    [
        (lambda stream: stream.read(), b"one\ntwo\nthree three three\n"),
        (b"|".join, b"one\n|two\n|three three three\n"),
        (lambda stream: stream.readline() + stream.readline(2), b"one\ntw"),
        (lambda stream: stream.readlines()[-1], b"three three three\n"),
        (
            lambda stream: stream.read(5) + b"|" + stream.read(1000),
            b"one\nt|wo\nthree three three\n",
        ),
    ],
)
@pytest.mark.parametrize("max_body", [10, 1000])
def test_a_wsgi_body_is_read_again_in_every_way(read, gives, max_body):
    body = b"one\ntwo\nthree three three\n"
    app, seen = reading(read)
    wrapped, notes = wsgi_endpoint(app, max_body=max_body, body_timeout=1000)
    # A client that declares nothing, to a server that marks the end: read up to the cap.
    changes = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True, "wsgi.input": io.BytesIO(body)}
    reply_to(wrapped, signed(body=body), **changes)
    assert seen == [gives]
    assert [note.code for note in notes if note.name == "would_reject"] == (
        ["body_too_large"] if max_body == 10 else []
    )


def test_a_wsgi_body_that_drips_is_read_on_to_its_length_and_no_further():
    body = b"x" * 40
    app, seen = reading(lambda stream: stream.read())
    wrapped, notes = wsgi_endpoint(app, body_timeout=1e-9)
    reply_to(wrapped, signed(body=body), **{"wsgi.input": Trickle(body)})
    assert seen == [body]
    assert [note.code for note in notes] == ["body_timeout"]


def test_an_input_that_was_not_read_is_the_servers_own():
    app, seen = reading(lambda stream: stream)
    wrapped, _ = wsgi_endpoint(app, max_body=10)
    stream = Trickle(b"x" * 40)
    reply_to(wrapped, signed(body=b"x" * 40), **{"wsgi.input": stream})
    assert seen == [stream]


class Chunks:
    """A reply that is no list."""

    def __init__(self, *chunks):
        self._chunks = iter(chunks)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self._chunks)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self):
        self.closed += 1


def replying(chunks, written=()):
    def app(environ, start_response):
        write = start_response("200 OK", [("x-a", "b")])
        for chunk in written:
            write(chunk)
        return chunks

    return app


def test_a_list_is_given_to_the_server_as_it_is():
    chunks = [b"a", b"b"]
    wrapped, notes = wsgi_endpoint(replying(chunks))
    response = Response(wrapped, signed())
    assert response._chunks is chunks
    assert [note.name for note in notes] == ["accepted", "completed"]


def test_a_streamed_reply_is_watched_to_its_end_and_closed():
    chunks, ledger = Chunks(b"a", b"b"), MemoryLedger()
    wrapped, notes = wsgi_endpoint(replying(chunks, [b"w"]), ledger=ledger)
    response = reply_to(wrapped, signed("a"))
    assert response.answer().body == b"wab"
    assert chunks.closed == 1
    assert [note.name for note in notes] == ["accepted", "completed"]
    enforcing = hookseal.wsgi.WebhookMiddleware(None, SECRET, ledger=ledger)
    assert reply_to(enforcing, signed("a")).answer().body == b"wab"


def test_a_streamed_reply_need_not_be_closable():
    wrapped, notes = wsgi_endpoint(replying(iter([b"a"])))
    assert reply_to(wrapped, signed()).answer().body == b"a"
    assert [note.name for note in notes] == ["accepted", "completed"]


def test_a_streamed_reply_that_is_given_up_is_released():
    chunks = Chunks(b"a", b"b")
    wrapped, notes = wsgi_endpoint(replying(chunks))
    response = Response(wrapped, signed())
    next(response.chunks())
    response.close()
    assert chunks.closed == 1
    assert [note.name for note in notes] == ["accepted", "released"]


def test_a_wsgi_app_that_raises_is_left_to_raise():
    def broken(environ, start_response):
        raise LookupError

    wrapped, notes = wsgi_endpoint(broken)
    with pytest.raises(LookupError):
        Response(wrapped, signed())
    assert [note.name for note in notes] == ["accepted", "released"]


def test_an_error_page_replaces_what_was_begun():
    def app(environ, start_response):
        start_response("200 OK", [])
        start_response("500 Broken", [], (LookupError, LookupError(), None))
        return [b"sorry"]

    wrapped, notes = wsgi_endpoint(app)
    assert reply_to(wrapped, signed()).answer().status == 500
    assert [note.name for note in notes] == ["accepted", "released"]
