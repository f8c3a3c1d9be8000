"""The gate: every decision about a request, in order, without doing any IO.

Knows the pipeline. Must not know sockets, clocks, threads or event loops: where it needs
something done it yields an effect, and the face that drives it sends the result back. The ASGI
face awaits what the WSGI face calls; the decisions exist once, here.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from hookseal.body import BodySink
from hookseal.capture import Capture
from hookseal.claims import Claims
from hookseal.effects import Admitted, Admitting, Call, Effect, ReadBody, Settling
from hookseal.errors import (
    BodyIncomplete,
    BodyTooLarge,
    ContentEncodingRefused,
    ContentLengthInvalid,
    MethodNotAllowed,
    TooManyFailures,
    WebhookError,
)
from hookseal.observe import Notes
from hookseal.paths import PathFilter
from hookseal.picking import KeyPicker
from hookseal.verify import WebhookEvent

if TYPE_CHECKING:
    from hookseal.ledger import Reply
    from hookseal.observe import NoteName
    from hookseal.policy import Policy
    from hookseal.request import Request
    from hookseal.sources import SourceKeys

__all__ = ["Gate"]

_MAX_LENGTH_DIGITS = 18


class Gate:
    """One endpoint's pipeline, made from its policy. Holds no state of a request."""

    def __init__(self, policy: Policy, *, asynchronous: bool) -> None:
        self.policy = policy = policy.opened(asynchronous=asynchronous)
        self._notes = Notes(policy.observer)
        self.ignores = PathFilter(policy.paths, policy.exempt_paths).ignores
        """Tells whether a request for a path passes unchecked."""
        self._transport = policy.transport()
        self._methods = frozenset(method.upper() for method in policy.methods)
        limiter = policy.limiter(self._notes, asynchronous=asynchronous)
        self._failures = limiter.budget("failure_budget", policy.failure_budget)
        self._keys = KeyPicker(policy, self._notes)
        budget = limiter.budget("source_budget", policy.source_budget)
        self._claims = Claims(policy, self._notes, budget)
        reporting = policy.mode == "report"
        self._take = self._claims.watch if reporting else self._claims.take
        self._refused: NoteName = "would_reject" if reporting else "rejected"
        self._greeted: NoteName = "would_reply" if reporting else "handshake"
        self._stored_headers = frozenset(name.lower().encode() for name in policy.reply_headers)
        self.wanted = frozenset({b"content-length", b"content-encoding"}).union(
            policy.scheme.headers,
            self._transport.headers,
            *(handshake.headers for handshake in policy.handshakes),
        )
        """The lower-case names of the headers that a face puts into the request."""

    def admit(self, request: Request) -> Admitting:
        """Decide about ``request``, cheap and unauthenticated checks first.

        Raises the :class:`WebhookError` that refuses it.
        """
        try:
            reply = self._handshake(request)
            if reply is not None:
                return reply
            self._check_method(request)
            if not self._transport.require_https(request):
                self._notes.request("insecure_allowed", request)
            event, keys = yield from self._authenticate(request)
            return (yield from self._take(event, keys))
        except WebhookError as error:
            self._notes.request(self._refused, request, code=error.code, detail=error.detail)
            raise

    def observe(self, request: Request) -> Generator[Effect, Any, Admitted | None]:
        """Decide as :meth:`admit` does, and tell the observer, but refuse and answer nothing.

        Returns None where no verified event goes with the request.
        """
        try:
            verdict = yield from self.admit(request)
        except WebhookError:
            return None
        return verdict if isinstance(verdict, Admitted) else None

    def capture(self) -> Capture:
        """Return what collects the reply of one handler run."""
        return Capture(self.policy.max_reply, self._stored_headers)

    def settle(self, admitted: Admitted, reply: Reply | None) -> Settling:
        """Record that the handler ended with ``reply``, or None where it failed or went away."""
        return self._claims.settle(admitted, reply)

    def abandon(self, admitted: Admitted) -> None:
        """Tell that nobody knows how the handler ended: its claim is left until its lease ends."""
        self._claims.abandon(admitted)

    def _handshake(self, request: Request) -> Reply | None:
        for handshake in self.policy.handshakes:
            reply = handshake.answer(request)
            if reply is not None:
                self._notes.request(self._greeted, request)
                return reply
        return None

    def _check_method(self, request: Request) -> None:
        if request.method not in self._methods:
            raise MethodNotAllowed(fields={"allow": ", ".join(sorted(self._methods))})

    def _authenticate(
        self, request: Request
    ) -> Generator[Effect, Any, tuple[WebhookEvent, SourceKeys]]:
        """Check header shape, failure budget, length, signature and age, in this order.

        What fails for the sender's fault spends the failure budget of its address.
        """
        failures, policy = self._failures, self.policy
        client = None if failures is None else self._transport.client(request)
        try:
            envelope = policy.scheme.read(request.fields)
            self._check_encoding(request)
            if failures is not None and client is not None:
                wait = yield Call(failures.test, client)
                if wait is not None:
                    raise TooManyFailures(fields={"retry-after": str(wait)})
            length = _declared_length(request, policy.max_body)
            keys = self._keys.static or (yield from self._keys.pick(request))
            running = keys.verifier.begin(envelope)
            sink = BodySink(policy.max_body, running)
            yield ReadBody(sink, length, policy.body_timeout)
            if length is not None and sink.size != length:
                raise BodyIncomplete
            event = keys.verifier.conclude(envelope, running, sink.value(), request.received_at)
        except WebhookError as error:
            if failures is not None and client is not None and error.counts_as_failure:
                yield Call(failures.hit, client)
            raise
        return event, keys

    def _check_encoding(self, request: Request) -> None:
        encoding = request.fields.get(b"content-encoding")
        if encoding is None or self.policy.allow_content_encoding:
            return
        if encoding.strip().lower() != b"identity":
            raise ContentEncodingRefused


def _declared_length(request: Request, limit: int) -> int | None:
    """Return the Content-Length, or None; raise before anything is read if it cannot be served."""
    text = request.fields.get(b"content-length")
    if not text:
        return None
    if not text.isdigit():  # on bytes: ASCII digits only, no sign, no underscore
        raise ContentLengthInvalid
    if len(text) > _MAX_LENGTH_DIGITS or (length := int(text)) > limit:
        raise BodyTooLarge
    return length
