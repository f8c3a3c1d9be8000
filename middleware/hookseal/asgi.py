"""The ASGI face: reads, waits and sends for the gate.

Knows ASGI and asyncio. Must not decide anything: what happens to a request is the gate's to say.

Source: the ASGI specification 3.0, HTTP connection scope.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from hookseal.driving import drive_async, drive_to_end
from hookseal.effects import Admitted, ReadBody
from hookseal.errors import BodyIncomplete, BodyTimeout, ConfigError, WebhookError
from hookseal.gate import Gate
from hookseal.headers import find_header, pick
from hookseal.leases import LoopRenewer
from hookseal.ledger import Reply
from hookseal.policy import Policy, Settings
from hookseal.replies import rejection
from hookseal.reporting import ELSEWHERE, ReceiveTwice, WatchedSend
from hookseal.request import Request
from hookseal.starting import check_store_async
from hookseal.verify import EVENT_KEY

if TYPE_CHECKING:
    from hookseal.body import BodySink
    from hookseal.secrets import SecretsLike
    from hookseal.sources import SecretsPicker, Source

__all__ = ["WebhookMiddleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_DISCONNECT = "http.disconnect"


class WebhookMiddleware:
    """Lets only verified, fresh, first-time webhooks through to ``app``.

    ``secrets`` is the endpoint's secret, several while they are rotated, or a callable (sync or
    async) that picks them by request; the settings are those of
    :class:`~hookseal.policy.Policy`. The handler finds the event at
    ``scope["state"]["hookseal_event"]`` (Starlette and FastAPI:
    ``request.state.hookseal_event``). Raises :class:`~hookseal.errors.ConfigError` for a setting
    that is weak or wrong.
    """

    def __init__(
        self,
        app: App,
        secrets: SecretsLike | Source | SecretsPicker | None = None,
        *,
        policy: Policy | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        self.app = app
        self._gate = Gate(Policy.of(secrets, policy, settings), asynchronous=True)
        self.policy = self._gate.policy
        self._reporting = self.policy.mode == "report"
        self._renewing: LoopRenewer | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; whatever is not HTTP, or not ours, goes straight to the app."""
        if scope["type"] != "http" or self._gate.ignores(_path(scope)):
            serve = self._start if scope["type"] == "lifespan" else self.app
            await serve(scope, receive, send)
            return
        if self._reporting:
            await self._report(scope, receive, send)
            return
        try:
            verdict = await drive_async(self._gate.admit(self._request(scope)), _read_body, receive)
        except WebhookError as error:
            await _send_reply(rejection(error), scope, send, close=error.closes_connection)
        else:
            if isinstance(verdict, Reply):
                await _send_reply(verdict, scope, send)
            else:
                await self._handle(verdict, scope, receive, send)

    async def _start(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stop the server's start where the ledger cannot be used; else leave it to the app."""
        try:
            await check_store_async(self.policy)
        except ConfigError as error:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        else:
            await self.app(scope, receive, send)

    def _request(self, scope: Scope) -> Request:
        client = scope.get("client")
        return Request(
            scope["method"],
            scope.get("scheme", "http"),
            scope["path"],
            scope.get("query_string", b"").decode("latin-1"),
            client[0] if client else None,
            pick(scope["headers"], self._gate.wanted),
            time.time(),
            functools.partial(find_header, scope["headers"]),
        )

    async def _handle(self, admitted: Admitted, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app on an admitted request and settle its claim however it ends."""
        inner_scope = dict(scope)
        inner_scope["state"] = {**scope.get("state", {}), EVENT_KEY: admitted.event}
        exchange = _Exchange(self._gate, admitted, receive, send)
        renewing = self._renewing = LoopRenewer.here(self._renewing, self._gate.policy)
        renewing.add(admitted)
        try:
            await self.app(inner_scope, exchange.receive, exchange.send)
        finally:
            renewing.discard(admitted)
            if not exchange.settled:
                await exchange.settle(None)

    async def _report(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app on the request as it came, whatever the gate says of it."""
        body = ReceiveTwice(receive)
        try:
            steps = self._gate.observe(self._request(scope))
            admitted = await drive_async(steps, _read_body, body.first)
            if admitted is None:
                await self.app(scope, body.again, send)
                return
            inner_scope = dict(scope)
            inner_scope["state"] = {**scope.get("state", {}), EVENT_KEY: admitted.event}
            watched = WatchedSend(send, self._gate.capture())
            renewing = self._renewing = LoopRenewer.here(self._renewing, self.policy)
            renewing.add(admitted)
            try:
                await self.app(inner_scope, body.again, watched)
            finally:
                renewing.discard(admitted)
                await drive_to_end(self._gate.settle(admitted, watched.reply))
        finally:
            body.close()


class _Exchange:
    """The messages of one request.

    Gives the body to the app again, and holds the reply back until the claim is settled, so that
    nobody sees a success that is not recorded. That the client has gone is held back as well, until
    the reply ends or streams: to give up the request does not stop a handler that runs on a thread,
    and an event that is given up could be run again beside it. Django, Quart and others do so. But
    for one lease at most: an app may end on nothing else.
    """

    __slots__ = (
        "_admitted",
        "_body_given",
        "_capture",
        "_gate",
        "_gone",
        "_held",
        "_receive",
        "_send",
        "settled",
    )

    def __init__(self, gate: Gate, admitted: Admitted, receive: Receive, send: Send) -> None:
        self._gate = gate
        self._admitted = admitted
        self._receive = receive
        self._send = send
        self._capture = gate.capture()
        self._held: list[Message] = []
        self._body_given = False
        self._gone: _Gone | None = None
        """There once the client has gone."""
        self.settled = False

    async def receive(self) -> Message:
        """Give the whole body once, then whatever the server says next, its last word in time."""
        if not self._body_given:
            self._body_given = True
            body = self._admitted.event.body
            return {"type": "http.request", "body": body, "more_body": False}
        message = await self._receive() if self._gone is None else {"type": _DISCONNECT}
        if message["type"] == _DISCONNECT and not (self.settled or self._capture.overflown):
            if self._gone is None:
                self._gone = _Gone(self._gate.policy.lease)
            await self._gone.heard()
        return message

    async def send(self, message: Message) -> None:
        """Hold the reply until it ends or outgrows what is stored; settle before its end goes."""
        kind = message["type"]
        self._held.append(message)
        if kind == "http.response.start":
            self._capture.start(message["status"], message.get("headers", ()))
            return
        ended = False
        if kind == "http.response.body":
            self._capture.add(message.get("body", b""))
            ended = not message.get("more_body", False)
        elif kind in ELSEWHERE:
            self._capture.skip()
            ended = not message.get("more_body", False)
        if ended and not self.settled:
            await self.settle(self._capture.reply())
        elif self._gone is not None and self._capture.overflown:
            self._gone.tell()
        # Trailers, early hints and debug messages are not part of what is stored.
        if ended or self._capture.overflown or kind != "http.response.body":
            held, self._held = self._held, []
            for one in held:
                await self._send(one)

    def settle(self, reply: Reply | None) -> Awaitable[None]:
        """Settle the claim; await what this returns, once."""
        self.settled = True
        if self._gone is not None:
            self._gone.tell()
        return drive_to_end(self._gate.settle(self._admitted, reply))


class _Gone:
    """That the client has gone: told when the app may know, in ``seconds`` at the latest."""

    __slots__ = ("_timer", "_told")

    def __init__(self, seconds: float) -> None:
        self._told = asyncio.Event()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._told.set)

    def tell(self) -> None:
        """Let whoever listens hear of it."""
        self._timer.cancel()
        self._told.set()

    async def heard(self) -> None:
        """Wait until it is told."""
        await self._told.wait()


def _read_body(effect: ReadBody, receive: Receive) -> Awaitable[None] | None:
    """Read what has come of the body with the headers; return how to wait for the rest of it.

    Most bodies have come whole, and a timer costs as much as verifying the signature does.
    """
    steps = receive().__await__()
    try:
        first_wait = next(steps)
    except StopIteration as end:
        message: Message = end.value
    else:
        return _read_on(effect, receive, _Begun(first_wait, steps))
    return _read_on(effect, receive, None) if _take(message, effect.sink) else None


async def _read_on(effect: ReadBody, receive: Receive, begun: _Begun | None) -> None:
    try:
        async with asyncio.timeout(effect.seconds):
            more = begun is None or _take(await begun, effect.sink)
            while more:
                more = _take(await receive(), effect.sink)
    except TimeoutError:
        raise BodyTimeout from None


def _take(message: Message, sink: BodySink) -> bool:
    """Add a message to the body; tell whether there is more to come."""
    if message["type"] == _DISCONNECT:
        # Its sender may still be listening: servers answer 500 where an app says nothing.
        raise BodyIncomplete
    sink.write(message.get("body", b""))
    return bool(message.get("more_body", False))


class _Begun:
    """An awaitable that was run up to its first wait, to be awaited on."""

    __slots__ = ("_first_wait", "_steps")

    def __init__(self, first_wait: Any, steps: Generator[Any, Any, Message]) -> None:
        self._first_wait = first_wait
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, Message]:
        """Wait for what the awaitable waits for, then go on with it."""
        try:
            yield self._first_wait
        except BaseException as error:
            # Cancelled: the awaitable hears of it, and cannot hold it up. One that is not written
            # in Python need not have a throw(), nor does ``await`` ask it for one.
            throw = getattr(self._steps, "throw", None)
            if throw is not None:
                with contextlib.suppress(StopIteration):
                    throw(error)
            raise
        return (yield from self._steps)


def _path(scope: Scope) -> str:
    """Return the path below the mount point, at a segment boundary."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root:
        return path
    root = root.rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path


async def _send_reply(reply: Reply, scope: Scope, send: Send, *, close: bool = False) -> None:
    headers = list(reply.headers)
    if reply.status != HTTPStatus.NO_CONTENT:  # which has no length (RFC 9110 section 8.6)
        headers.append((b"content-length", b"%d" % len(reply.body)))
    if close and scope.get("http_version", "1.1").startswith("1"):  # HTTP/2 has no such field
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body, "more_body": False})
