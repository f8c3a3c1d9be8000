"""What is ASGI's own: messages, scopes, and clients that go away."""

import asyncio

import pytest

from hookseal import WebhookEvent
from hookseal.asgi import WebhookMiddleware
from hookseal.ledger import MemoryLedger

from .support import (
    BODY,
    SECONDS,
    SECRET,
    AsyncLedger,
    Call,
    CountingLedger,
    Endpoint,
    Messages,
    asgi_scope,
    ask_asgi,
    body_messages,
    run_asgi,
    signed,
)

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"x/y")]}


def part(body=b"", *, more=False):
    return {"type": "http.response.body", "body": body, "more_body": more}


def sends(*messages):
    """An app that sends these messages."""

    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


def run(app, call=None, *incoming, **settings):
    middleware = WebhookMiddleware(app, SECRET, **settings)
    return asyncio.run(run_asgi(middleware, call or signed(), *incoming))


# --- scopes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lifespan", "websocket", "something-new"])
def test_other_scopes_go_straight_through(kind):
    seen = []

    async def app(*arguments):
        seen.append(arguments)

    given = ({"type": kind}, object(), object())
    asyncio.run(WebhookMiddleware(app, SECRET)(*given))
    assert all(one is other for one, other in zip(seen[0], given, strict=True))


def test_a_path_that_is_not_ours_goes_through_untouched():
    seen = []

    async def app(*arguments):
        seen.append(arguments)

    given = (asgi_scope(Call(path="/other")), object(), object())
    asyncio.run(WebhookMiddleware(app, SECRET, paths=["/hooks"])(*given))
    assert all(one is other for one, other in zip(seen[0], given, strict=True))


def test_the_event_is_in_the_state_beside_what_the_server_put_there():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)
        await sends(START, part())(scope, receive, send)

    call = signed()
    scope = {**asgi_scope(call), "state": {"pool": 1}}
    messages = Messages(*body_messages(call.body))
    asyncio.run(WebhookMiddleware(app, SECRET)(scope, messages.receive, messages.send))
    event = seen[0]["state"]["hookseal_event"]
    assert isinstance(event, WebhookEvent)
    assert (event.id, event.body, event.attempt) == ("evt_1", BODY, 1)
    assert seen[0]["state"]["pool"] == 1
    assert scope["state"] == {"pool": 1}  # which the server shares between requests


def test_a_scope_may_lack_what_is_optional():
    scope = asgi_scope(signed())
    for name in ("state", "scheme", "query_string", "root_path", "client", "http_version"):
        del scope[name]
    messages = Messages(*body_messages(BODY))
    middleware = WebhookMiddleware(
        sends(START, part()), SECRET, trusted_proxies=["unix"], allow_insecure_peers=["unix"]
    )
    asyncio.run(middleware(scope, messages.receive, messages.send))
    assert messages.answer().status == 200


# --- the body --------------------------------------------------------------------------------


def test_the_body_is_given_once_and_then_what_the_server_says():
    seen = []

    async def app(scope, receive, send):
        seen.append(await receive())
        await sends(START, part())(scope, receive, send)
        seen.append(await receive())

    run(app, signed(), *body_messages(BODY[:5], BODY[5:9], b"", BODY[9:]))
    assert seen == [
        {"type": "http.request", "body": BODY, "more_body": False},
        {"type": "http.disconnect"},
    ]


def later(*messages):
    """A receive() whose every message has to be waited for."""
    coming = list(messages)

    async def receive():
        await asyncio.sleep(0)
        return coming.pop(0)

    return receive


def test_a_body_that_is_waited_for_is_taken():
    async def scenario():
        messages = Messages()
        app = WebhookMiddleware(sends(START, part(b"ok")), SECRET)
        receive = later(*body_messages(BODY[:5], BODY[5:]))
        await app(asgi_scope(signed()), receive, messages.send)
        return messages.answer()

    assert asyncio.run(scenario()).body == b"ok"


async def never():
    await asyncio.Event().wait()


def slow_after(*messages):
    coming = list(messages)

    async def receive():
        return coming.pop(0) if coming else await never()

    return receive


@pytest.mark.parametrize("first", [[], [{"type": "http.request", "more_body": True}]])
@pytest.mark.parametrize(("version", "closed"), [("1.1", True), ("2", False)])
def test_a_body_that_does_not_come_in_time_is_a_408(first, version, closed):
    async def scenario():
        messages = Messages()
        app = WebhookMiddleware(sends(START, part()), SECRET, body_timeout=0.02)
        scope = asgi_scope(signed(http_version=version))
        await asyncio.wait_for(app(scope, slow_after(*first), messages.send), SECONDS)
        return messages.answer()

    answer = asyncio.run(scenario())
    assert (answer.status, answer.code) == (408, "body_timeout")
    assert (answer.headers.get("connection") == "close") == closed


def test_a_receive_that_swallows_its_cancellation_cannot_hold_a_request_up():
    async def scenario():
        async def receive():
            try:
                await never()
            except asyncio.CancelledError:
                return {"type": "http.request", "body": BODY}

        messages = Messages()
        app = WebhookMiddleware(sends(START, part()), SECRET, body_timeout=0.02)
        await asyncio.wait_for(app(asgi_scope(signed()), receive, messages.send), SECONDS)
        return messages.answer()

    assert asyncio.run(scenario()).status == 408


@pytest.mark.parametrize("read", [[], [{"type": "http.request", "body": b"x", "more_body": True}]])
def test_a_client_that_goes_away_before_the_end_of_its_body_reaches_nothing(read):
    ledger = MemoryLedger()
    one = Endpoint("asgi", ledger=ledger)
    gone = {"type": "http.disconnect"}
    messages = asyncio.run(run_asgi(one.app, signed(), *read, gone))
    assert one.handler.runs == len(ledger) == 0
    assert [m["status"] for m in messages.sent if m["type"] == "http.response.start"] in ([], [400])


@pytest.mark.parametrize("wait", [0, 1])
def test_an_error_of_the_server_while_reading_is_the_servers(wait):
    class ClientDisconnect(Exception):
        pass

    async def receive():
        for _ in range(wait):
            await asyncio.sleep(0)
        raise ClientDisconnect

    ledger = MemoryLedger()
    one = Endpoint("asgi", ledger=ledger)
    with pytest.raises(ClientDisconnect):
        asyncio.run(one.app(asgi_scope(signed()), receive, Messages().send))
    assert one.handler.runs == len(ledger) == 0


def test_a_request_cancelled_while_its_body_comes_leaves_nothing():
    async def scenario():
        waiting = asyncio.Event()

        async def receive():
            waiting.set()
            await never()

        ledger = MemoryLedger()
        one = Endpoint("asgi", ledger=ledger)
        task = asyncio.create_task(one.app(asgi_scope(signed()), receive, Messages().send))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return one.handler.runs, len(ledger)

    assert asyncio.run(scenario()) == (0, 0)


# --- handlers that do not end ----------------------------------------------------------------


@pytest.mark.parametrize("store", [MemoryLedger, AsyncLedger])
def test_a_handler_cancelled_leaves_nothing_claimed(store):
    async def scenario():
        running = asyncio.Event()

        async def app(scope, receive, send):
            running.set()
            await send(START)
            await never()

        ledger, messages = store(), Messages(*body_messages(BODY))
        middleware = WebhookMiddleware(app, SECRET, ledger=ledger)
        task = asyncio.create_task(
            middleware(asgi_scope(signed()), messages.receive, messages.send)
        )
        await running.wait()
        assert len(ledger) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(ledger), messages.sent

    assert asyncio.run(scenario()) == (0, [])


@pytest.mark.parametrize(
    "messages", [[], [START], [START, part(b"x", more=True)]], ids=["nothing", "start", "half"]
)
def test_an_app_that_does_not_finish_its_reply_is_run_again(messages):
    ledger = MemoryLedger()
    assert run(sends(*messages), ledger=ledger).sent == []
    assert len(ledger) == 0


GONE = {"type": "http.disconnect"}


class Listener:
    """An app that listens for the client to go while it makes its reply, as Django and Quart do."""

    def __init__(self, *messages, listens=1):
        self._messages = messages
        self._listens = listens
        self.heard = []
        """How many messages the app had sent when each of its listeners heard."""
        self.listening = []

    async def _listen(self, receive):
        assert await receive() == GONE
        self.heard.append(self.sent)

    async def __call__(self, scope, receive, send):
        await receive()
        self.sent = 0
        self.listening = [asyncio.create_task(self._listen(receive)) for _ in range(self._listens)]
        for message in self._messages:
            for _ in range(5):
                await asyncio.sleep(0)
            self.sent += 1
            await send(message)


def listen(app, *, server=None, **settings):
    async def scenario():
        messages = Messages(*body_messages(BODY), *(server or ()))
        middleware = WebhookMiddleware(app, SECRET, **settings)
        await middleware(asgi_scope(signed()), messages.receive, messages.send)
        await asyncio.wait_for(asyncio.gather(*app.listening), SECONDS)

    asyncio.run(scenario())


@pytest.mark.parametrize("listens", [1, 2])
def test_an_app_hears_that_the_client_has_gone_when_its_reply_ends(listens):
    ledger = MemoryLedger()
    app = Listener(START, part(b"a", more=True), part(b"b"), listens=listens)
    listen(app, ledger=ledger)
    assert app.heard == [3] * listens
    assert run(sends(), ledger=ledger).answer().replayed


def test_an_app_that_streams_hears_that_the_client_has_gone():
    large = part(b"x" * 5000, more=True)
    app = Listener(START, large, *[part(b"y", more=True)] * 3)
    listen(app)
    assert app.heard == [2]


@pytest.mark.parametrize("messages", [[], [START]], ids=["nothing", "start"])
def test_an_app_that_ends_without_a_reply_leaves_no_listener_behind(messages):
    ledger = MemoryLedger()
    app = Listener(*messages)
    listen(app, ledger=ledger)
    assert app.heard == [len(messages)]
    assert len(ledger) == 0


LEASE = 30.0


class StandingLoop(asyncio.SelectorEventLoop):
    """A loop whose timers go by a fake clock."""

    def __init__(self, clock):
        super().__init__()
        self.time = clock


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("listens", [1, 2])
@pytest.mark.parametrize("sends_first", [[], [START, part(b"x", more=True)]], ids=["", "begun"])
def test_an_app_that_ends_on_nothing_else_hears_that_the_client_has_gone_after_a_lease(
    clock, listens, sends_first
):
    heard = []

    async def app(scope, receive, send):
        async def listen():
            heard.append(await receive())

        await receive()
        await sends(*sends_first)(scope, receive, send)
        await asyncio.gather(*(listen() for _ in range(listens)))
        assert await receive() == GONE  # at once, from now on

    async def scenario():
        ledger, messages = MemoryLedger(), Messages(*body_messages(BODY))
        middleware = WebhookMiddleware(app, SECRET, ledger=ledger, lease=LEASE)
        running = asyncio.create_task(
            middleware(asgi_scope(signed()), messages.receive, messages.send)
        )
        await turns()
        clock.advance(LEASE - 1)
        await turns()
        assert (heard, len(ledger)) == ([], 1)
        clock.advance(2)
        await turns()
        assert running.done()
        running.result()
        assert (messages.sent, len(ledger)) == ([], 0)

    with asyncio.Runner(loop_factory=lambda: StandingLoop(clock)) as runner:
        runner.run(scenario())
    assert heard == [GONE] * listens


def test_what_the_server_says_beside_a_disconnect_goes_straight_through():
    said = {"type": "http.something"}
    seen = []

    async def app(scope, receive, send):
        seen.extend([await receive(), await receive()])
        await sends(START, part())(scope, receive, send)

    run(app, signed(), *body_messages(BODY), said)
    assert seen[1] == said


def test_a_listener_that_is_cancelled_loses_nothing():
    once = [*body_messages(BODY), GONE]

    async def receive():
        return once.pop(0)  # a server need not say it twice

    async def app(scope, receive, send):
        await receive()
        asking = asyncio.create_task(receive())
        await asyncio.sleep(0)
        asking.cancel()  # as Starlette's request.is_disconnected() does
        await asyncio.wait([asking])
        await sends(START, part(b"ok"))(scope, receive, send)
        assert await receive() == GONE

    messages = Messages()
    middleware = WebhookMiddleware(app, SECRET)
    asyncio.run(middleware(asgi_scope(signed()), receive, messages.send))
    assert messages.answer().body == b"ok"


# --- requests that are cancelled -------------------------------------------------------------


class SlowLedger(AsyncLedger):
    """A store whose last steps wait for ``go``; ``asked`` is set when one of them is."""

    def __init__(self):
        super().__init__()
        self.asked, self.go, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def _step(self, step, arguments):
        self.asked.set()
        await self.go.wait()
        changed = step(*arguments)
        self.ended.set()
        return changed

    async def complete(self, *arguments):
        return await self._step(self.inner.complete, arguments)

    async def release(self, *arguments):
        return await self._step(self.inner.release, arguments)


@pytest.mark.parametrize("mode", ["enforce", "report"])
@pytest.mark.parametrize(("reply", "name"), [([START, part(b"ok")], "completed"), ([], "released")])
@pytest.mark.parametrize("cancels", [1, 5])
def test_a_claim_is_settled_though_its_request_is_cancelled(mode, reply, name, cancels):
    """However often: anyio cancels again at each await."""
    notes = []

    async def scenario():
        ledger, messages = SlowLedger(), Messages(*body_messages(BODY))
        app = WebhookMiddleware(
            sends(*reply), SECRET, ledger=ledger, mode=mode, observer=notes.append
        )
        task = asyncio.create_task(app(asgi_scope(signed()), messages.receive, messages.send))
        await asyncio.wait_for(ledger.asked.wait(), SECONDS)
        for _ in range(cancels):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        ledger.go.set()
        await asyncio.wait_for(ledger.ended.wait(), SECONDS)
        await asyncio.sleep(0)
        return len(ledger)

    assert asyncio.run(scenario()) == (1 if name == "completed" else 0)
    assert [note.name for note in notes] == ["accepted", name]


# --- replies ---------------------------------------------------------------------------------


def test_no_reply_is_seen_before_its_claim_is_settled():
    class Spy(MemoryLedger):
        sent = None

        def complete(self, *arguments):
            assert messages.sent == []
            return super().complete(*arguments)

    messages = Messages(*body_messages(BODY))
    app = WebhookMiddleware(sends(START, part(b"a", more=True), part(b"b")), SECRET, ledger=Spy())
    asyncio.run(app(asgi_scope(signed()), messages.receive, messages.send))
    assert messages.sent == [START, part(b"a", more=True), part(b"b")]


def test_a_streamed_reply_is_kept_whole_while_it_is_small():
    async def scenario():
        app = WebhookMiddleware(sends(START, part(b"a", more=True), part(b"b")), SECRET)
        return [await ask_asgi(app, signed()) for _ in range(2)]

    first, second = asyncio.run(scenario())
    assert first.body == second.body == b"ab"
    assert second.headers["content-type"] == "x/y"


def test_a_large_stream_flows_and_is_replayed_by_its_status():
    async def scenario():
        seen = []

        async def app(scope, receive, send):
            for message in (START, part(b"x" * 5000, more=True), part(b"y", more=True)):
                await send(message)
                seen.append(len(messages.sent))
            assert ledger.completed == 0
            await send(part(b"z"))

        ledger = CountingLedger()
        middleware = WebhookMiddleware(app, SECRET, ledger=ledger)
        messages = Messages(*body_messages(BODY))
        await middleware(asgi_scope(signed()), messages.receive, messages.send)
        return seen, messages.answer(), await ask_asgi(middleware, signed())

    seen, first, second = asyncio.run(scenario())
    assert seen == [0, 2, 3]
    assert len(first.body) == 5002
    assert (second.status, second.body, second.replayed) == (200, b"", True)
    assert "content-type" not in second.headers


def test_a_stream_cut_short_is_run_again():
    ledger = MemoryLedger()
    sent = run(sends(START, part(b"x" * 5000, more=True)), ledger=ledger).sent
    assert len(sent) == 2
    assert len(ledger) == 0


def test_a_file_that_is_cut_short_is_run_again():
    ledger = MemoryLedger()
    run(sends(START, {**ZEROCOPY, "more_body": True}), ledger=ledger)
    assert len(ledger) == 0


PATHSEND = {"type": "http.response.pathsend", "path": "/etc/motd"}
ZEROCOPY = {"type": "http.response.zerocopysend", "file": 3}
TRAILERS = {"type": "http.response.trailers", "headers": []}
HINT = {"type": "http.response.early_hint", "links": []}
DEBUG = {"type": "http.response.debug", "info": {}}


@pytest.mark.parametrize(
    "messages",
    [
        [START, PATHSEND],
        [START, ZEROCOPY],
        [START, {**ZEROCOPY, "more_body": True}, {**ZEROCOPY, "more_body": False}],
        [START, part(b"a", more=True), ZEROCOPY],
        [{**START, "trailers": True}, part(b"a"), TRAILERS],
        [HINT, START, part(b"a")],
        [START, HINT, part(b"a", more=True), part(b"b")],
        [DEBUG, START, part(b"a")],
    ],
    ids=[
        "pathsend",
        "zerocopysend",
        "two files",
        "a file last",
        "trailers",
        "early hint",
        "late hint",
        "debug",
    ],
)
def test_extensions_pass_in_order_and_the_event_is_done(messages):
    ledger = MemoryLedger()
    app = sends(*messages)
    assert run(app, ledger=ledger).sent == messages
    again = run(app, ledger=ledger).answer()
    assert (again.status, again.replayed) == (200, True)


def test_a_reply_may_have_no_headers_and_leave_more_body_out():
    bare = [{"type": "http.response.start", "status": 200}, {"type": "http.response.body"}]
    ledger = MemoryLedger()
    assert run(sends(*bare), ledger=ledger).sent == bare
    assert run(sends(*bare), ledger=ledger).answer().replayed


def test_an_app_that_raises_after_its_reply_has_been_kept():
    async def app(scope, receive, send):
        await sends(START, part(b"ok"))(scope, receive, send)
        raise RuntimeError("a background task")

    ledger = MemoryLedger()
    with pytest.raises(RuntimeError):
        run(app, ledger=ledger)
    assert run(app, ledger=ledger).answer().body == b"ok"


class Native:
    """As granian's: an iterator that is awaited, without the throw() that a generator has."""

    def __init__(self, future):
        self._steps = future.__await__()

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._steps)


def test_a_servers_own_awaitable_can_be_waited_for_and_given_up():
    async def scenario(message):
        future = asyncio.get_running_loop().create_future()
        if message is not None:
            asyncio.get_running_loop().call_soon(future.set_result, message)
        messages = Messages()
        app = WebhookMiddleware(sends(START, part(b"ok")), SECRET, body_timeout=0.02)
        await app(asgi_scope(signed()), lambda: Native(future), messages.send)
        return messages.answer().status

    assert asyncio.run(scenario({"type": "http.request", "body": BODY})) == 200
    assert asyncio.run(scenario(None)) == 408
