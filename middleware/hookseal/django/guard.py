"""One endpoint in Django: from the request, through the gate, to the settled claim.

Knows how Django runs views, by calls and by awaits, and how it streams replies. Must not decide
anything: what happens to a request is the gate's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from hookseal.django.requests import (
    hand_over,
    own_scheme,
    read_request_body,
    to_response,
    watch_request_body,
)
from hookseal.driving import drive, drive_async, drive_to_end, keep, run_to_end
from hookseal.environ import EnvironReader, refuse_async
from hookseal.errors import WebhookError
from hookseal.gate import Gate
from hookseal.leases import LoopRenewer, ThreadRenewer
from hookseal.ledger import Reply
from hookseal.replies import rejection
from hookseal.starting import check_store

if TYPE_CHECKING:
    from hookseal.capture import Capture
    from hookseal.effects import Admitted, Effect
    from hookseal.policy import Policy

__all__ = ["Guard", "is_async_view"]

Settle: TypeAlias = Callable[[Reply | None], None]
SettleAsync: TypeAlias = Callable[[Reply | None], Awaitable[None]]


class Guard:
    """Runs views on the requests that a policy admits. Holds no state of a request."""

    def __init__(self, policy: Policy, *, asynchronous: bool) -> None:
        if not asynchronous:
            refuse_async(policy)
        self._gate = Gate(policy, asynchronous=asynchronous)
        policy = self._gate.policy
        if not asynchronous:
            check_store(policy)
        watching = policy.mode == "report"
        self._decide = self._gate.observe if watching else self._gate.admit
        self._read = watch_request_body if watching else read_request_body
        self._reader = EnvironReader(self._gate.wanted)
        self._threads = ThreadRenewer(policy)
        self._loops: LoopRenewer | None = None

    def ignores(self, request: HttpRequest) -> bool:
        """Tell whether ``request`` passes unchecked."""
        return self._gate.ignores(request.path_info)

    def run(self, request: HttpRequest, view: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        """Return the answer to ``request``, that of ``view`` where it is admitted."""
        try:
            verdict = drive(self._steps(request), self._read, request)
        except WebhookError as error:
            return to_response(rejection(error), request)
        if isinstance(verdict, Reply):
            return to_response(verdict, request)
        if verdict is None:
            return view()
        admitted = verdict
        self._threads.add(admitted)

        def settle(reply: Reply | None) -> None:
            self._threads.discard(admitted)
            drive(self._gate.settle(admitted, reply), self._read, request)

        async def settle_async(reply: Reply | None) -> None:  # an async reply, served by WSGI
            settle(reply)

        hand_over(request, admitted.event)
        try:
            response = view()
            reply = self._begin(response, settle, settle_async)
        except BaseException as error:  # noqa: BLE001 # whatever it is, it is raised again
            settle(None)
            return _answer(error, request)
        if reply is not None:
            settle(reply)
        return response

    async def run_async(
        self, request: HttpRequest, view: Callable[[], Awaitable[HttpResponseBase]]
    ) -> HttpResponseBase:
        """Do as :meth:`run` on an event loop."""
        try:
            verdict = await drive_async(self._steps(request), self._read, request)
        except WebhookError as error:
            return to_response(rejection(error), request)
        if isinstance(verdict, Reply):
            return to_response(verdict, request)
        if verdict is None:
            return await view()
        admitted = verdict
        renewing = self._loops = LoopRenewer.here(self._loops, self._gate.policy)
        renewing.add(admitted)

        async def settle_async(reply: Reply | None) -> None:
            renewing.discard(admitted)
            await drive_to_end(self._gate.settle(admitted, reply))

        def settle(reply: Reply | None) -> None:
            _run_anywhere(settle_async(reply))

        async def handle() -> HttpResponseBase:
            try:
                response = await view()
                reply = self._begin(response, settle, settle_async)
            except BaseException as error:  # whatever it is, it is raised again
                if _is_cancelled(error):
                    # The loop is ending, and a sync view runs on: its lease may not end before it.
                    renewing.discard(admitted)
                    self._gate.abandon(admitted)
                    raise
                await settle_async(None)
                return _answer(error, request)
            if reply is not None:
                await settle_async(reply)
            return response

        hand_over(request, admitted.event)
        # Django cancels a request whose client has gone, and no one stops a view on its thread.
        return await run_to_end(handle())

    def _steps(
        self, request: HttpRequest
    ) -> Generator[Effect, Any, Reply | Admitted] | Generator[Effect, Any, Admitted | None]:
        scheme = own_scheme(request)
        return self._decide(
            self._reader.request(request.META, scheme=scheme, path=request.path_info)
        )

    def _begin(
        self, response: HttpResponseBase, settle: Settle, settle_async: SettleAsync
    ) -> Reply | None:
        """Return what is stored of ``response``; None where it streams, and settles as it ends."""
        capture = self._gate.capture()
        pairs = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.items()
        ]
        capture.start(response.status_code, pairs)
        if isinstance(response, StreamingHttpResponse):
            chunks: Any = response.streaming_content
            response.streaming_content = (
                _AsyncStream(chunks, capture, settle, settle_async)
                if response.is_async
                else _Stream(chunks, capture, settle)
            )
            return None
        capture.add(cast("Any", response).content)
        return capture.reply()


def is_async_view(view: Callable[..., Any]) -> bool:
    """Tell whether Django awaits what ``view`` returns.

    The ``dispatch`` of an async class-based view, as method_decorator binds it, does not look it.
    """
    instance = getattr(getattr(view, "func", None), "__self__", None)
    # Until Python 3.12, only asgiref's own sees its marks.
    marked = iscoroutinefunction(view)  # pyright: ignore[reportDeprecated]
    return marked or getattr(instance, "view_is_async", False)


class _Ending:
    """The end of a streamed reply; Django closes what it gives up, and whatever it has sent."""

    def __init__(self, capture: Capture, settle: Settle) -> None:
        self._capture = capture
        self._settle = settle
        self._settled = False

    def close(self) -> None:
        """Release the claim if the reply did not end."""
        self._finish(None)

    def _finish(self, reply: Reply | None) -> None:
        if self._end():
            self._settle(reply)

    def _end(self) -> bool:
        first, self._settled = not self._settled, True
        return first


class _Stream(_Ending):
    def __init__(self, chunks: Iterator[bytes], capture: Capture, settle: Settle) -> None:
        super().__init__(capture, settle)
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return the next chunk; at the end, settle first."""
        try:
            chunk = next(self._chunks)
        except StopIteration:
            self._finish(self._capture.reply())
            raise
        self._capture.add(chunk)
        return chunk


class _AsyncStream(_Ending):
    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        capture: Capture,
        settle: Settle,
        settle_async: SettleAsync,
    ) -> None:
        super().__init__(capture, settle)
        self._chunks = chunks
        self._settle_async = settle_async

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk; at the end, settle first."""
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            if self._end():
                await self._settle_async(self._capture.reply())
            raise
        self._capture.add(chunk)
        return chunk


def _answer(error: BaseException, request: HttpRequest) -> HttpResponseBase:
    """Return the answer that a view's error names, such as PayloadMalformed; raise any other."""
    if isinstance(error, WebhookError):
        return to_response(rejection(error), request)
    raise error


def _is_cancelled(error: BaseException) -> bool:
    """Tell whether ``error`` ends this task, and not just something that its view waited for."""
    task = cast("asyncio.Task[Any]", asyncio.current_task())
    return isinstance(error, asyncio.CancelledError) and task.cancelling() > 0


def _run_anywhere(steps: Any) -> None:
    """Run ``steps`` to their end from a thread; leave them to the loop where one runs here."""

    async def run() -> None:
        await steps

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        async_to_sync(run)()
    else:
        keep(run())
