"""Taking a request: read, judge, store, answer.

Knows ASGI and the order of these. Must not know how a verdict is made, how a request is stored, or
what a page shows. Whatever comes is answered, and nothing that comes can cause a 5xx but by order
of the bin.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, unquote

from hookseal_receiver.play.answers import NO_BODY, AnswerRefused, give, parse_query, planned
from hookseal_receiver.play.model import Answer, Bin, Captured, Draft, Reply
from hookseal_receiver.play.web import now_ms

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from hookseal_receiver.play.judging import Judge
    from hookseal_receiver.play.live import Live
    from hookseal_receiver.play.settings import PlaySettings
    from hookseal_receiver.play.store import PlayStore

__all__ = ["Capture", "Responder", "Watcher"]

Responder: TypeAlias = Callable[[Captured], Awaitable[Reply]]
"""Answers instead of the bin, as ``hookseal listen --forward`` does; must not raise."""

Watcher: TypeAlias = Callable[[Bin, Captured], Awaitable[None]]
"""Is told of each request once it was answered; must not raise."""

_log = logging.getLogger("hookseal.play")
_GONE = Reply(status=404, body=b"There is no inspector at this URL, or it has expired.\n")
_TOO_LARGE = Reply(status=413, body=b"The body is larger than this inspector reads.\n")
_TOO_SLOW = Reply(
    status=408,
    headers=(("connection", "close"),),  # RFC 9110, 15.5.9: what is left of the body is not read
    body=b"The body did not arrive in time.\n",
)


class _Refused(Exception):
    """Carries the answer to a request that is not captured."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


class _Left(Exception):
    """The client went away."""


class Capture:
    """An ASGI app for the URLs that bins capture at; the path parameter is its token."""

    def __init__(
        self,
        store: PlayStore,
        settings: PlaySettings,
        judge: Judge,
        live: Live,
        *,
        respond: Responder | None = None,
        watch: Watcher | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._judge = judge
        self._live = live
        self._respond = respond
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request and answer it."""
        try:
            await self._take(scope, receive, send)
        except _Refused as refused:
            await give(refused.reply, Answer(), scope, receive, send)
        except _Left:
            _log.info("play_client_left")

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        one = await self._store.bin_to_capture(scope["path_params"]["token"], now_ms())
        if one is None:
            raise _Refused(_GONE)
        body, size = await self._body(receive)
        draft = _draft(scope, body, size)
        captured = await self._keep(one, draft)
        started = time.monotonic()
        answer, reply = await self._answer(one, captured)
        try:
            await give(reply, answer, scope, receive, send)
        finally:
            await self._told(one, captured, reply, int((time.monotonic() - started) * 1000))

    async def _body(self, receive: Receive) -> tuple[bytes, int]:
        """Return as much of the body as is kept, and the size of all of it."""
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                return await self._read(receive)
        except TimeoutError:
            raise _Refused(_TOO_SLOW) from None

    async def _read(self, receive: Receive) -> tuple[bytes, int]:
        kept, size, more = bytearray(), 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Left
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._settings.body_limit:
                raise _Refused(_TOO_LARGE)
            kept += chunk[: self._settings.body_kept - len(kept)]
            more = message.get("more_body", False)
        return bytes(kept), size

    async def _keep(self, one: Bin, draft: Draft) -> Captured:
        """Judge and store a request; one that is not stored has the number 0."""
        verdict = await asyncio.to_thread(self._judge.judge, draft, one.secrets, None)
        if one.paused:
            return Captured(number=0, draft=draft, verdict=verdict)
        captured = await self._store.capture(
            one.id,
            draft,
            verdict.event_id,
            lambda earlier: self._judge.repeated(verdict, draft, earlier),
            self._settings,
        )
        self._live.arrived(one.id)
        return captured

    async def _answer(self, one: Bin, captured: Captured) -> tuple[Answer, Reply]:
        if self._respond is not None:
            return Answer(), await self._respond(captured)
        try:
            answer, echo = parse_query(captured.draft.query, one.answer)
        except AnswerRefused as error:
            said = str(error)
            return Answer(), Reply(status=400, body=f"{said}\n".encode(), note=said)
        reply = planned(answer, await self._store.next_answer(one.id))
        if echo and reply.status not in NO_BODY:
            reply = replace(reply, body=captured.draft.body)
        return answer, reply

    async def _told(self, one: Bin, captured: Captured, reply: Reply, took_ms: int) -> None:
        """Keep what was answered, whether or not the client waited for it."""
        if captured.number:
            await self._store.record_reply(one.id, captured.number, reply, took_ms, self._settings)
            self._live.arrived(one.id)
        if self._watch is not None:
            await self._watch(one, replace(captured, reply=reply, took_ms=took_ms))


def _draft(scope: Scope, body: bytes, size: int) -> Draft:
    client = scope.get("client")
    return Draft(
        at_ms=now_ms(),
        method=scope["method"],
        path=_rest(scope),
        query=scope.get("query_string", b"").decode("latin-1"),
        http_version=scope.get("http_version", "1.1"),
        scheme=scope.get("scheme", "http"),
        client=client[0] if client else "",
        headers=tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ),
        body=body,
        size=size,
    )


def _rest(scope: Scope) -> str:
    """Return the path below the bin as it was sent, escapes and all, where the server tells."""
    root, token = scope.get("root_path", ""), scope["path_params"]["token"]
    path: str = scope["path"].removeprefix(root)
    head = path[: path.index("/in/") + len("/in/") + len(token)]
    sent = (scope.get("raw_path") or b"").decode("latin-1").partition("?")[0]
    for before in (root + head, head):  # servers differ about the root
        begun = "/".join(sent.split("/")[: before.count("/") + 1])
        if unquote(begun) == before:
            return sent[len(begun) :]
    return quote(path.removeprefix(head), errors="replace")
