"""The WSGI face: reads, waits and sends for the gate.

Knows WSGI and threads. Must not decide anything: what happens to a request is the gate's to say.

Source: PEP 3333.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Unpack

from hookseal.driving import drive
from hookseal.effects import Admitted
from hookseal.environ import EnvironReader, read_body, refuse_async
from hookseal.errors import WebhookError
from hookseal.gate import Gate
from hookseal.leases import ThreadRenewer
from hookseal.ledger import Reply
from hookseal.policy import Policy, Settings
from hookseal.replies import rejection
from hookseal.reporting import ReadTwice, WatchedReply
from hookseal.request import Request
from hookseal.starting import check_store
from hookseal.verify import EVENT_KEY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from hookseal.capture import Capture
    from hookseal.secrets import SecretsLike
    from hookseal.sources import SecretsPicker, Source

__all__ = ["WebhookMiddleware"]


class WebhookMiddleware:
    """Lets only verified, fresh, first-time webhooks through to ``app``.

    ``secrets`` is the endpoint's secret, several while they are rotated, or a callable that picks
    them by request; the settings are those of :class:`~hookseal.policy.Policy`. The handler finds
    the event at ``environ["hookseal_event"]``. Raises :class:`~hookseal.errors.ConfigError` for a
    setting that is weak or wrong, or async.
    """

    def __init__(
        self,
        app: WSGIApplication,
        secrets: SecretsLike | Source | SecretsPicker | None = None,
        *,
        policy: Policy | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        self.app = app
        self._gate = Gate(Policy.of(secrets, policy, settings), asynchronous=False)
        self.policy = self._gate.policy
        self._reporting = self.policy.mode == "report"
        refuse_async(self.policy)
        check_store(self.policy)
        self._reader = EnvironReader(self._gate.wanted)
        self._renewing = ThreadRenewer(self._gate.policy)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if self._gate.ignores(environ.get("PATH_INFO", "")):
            return self.app(environ, start_response)
        if self._reporting:
            return self._report(environ, start_response)
        try:
            verdict = drive(self._gate.admit(self._request(environ)), read_body, environ)
        except WebhookError as error:
            return _send_reply(rejection(error), environ, start_response)
        if isinstance(verdict, Reply):
            return _send_reply(verdict, environ, start_response)
        return self._handle(verdict, environ, start_response)

    def _request(self, environ: WSGIEnvironment) -> Request:
        scheme, path = environ["wsgi.url_scheme"], environ.get("PATH_INFO", "")
        return self._reader.request(environ, scheme=scheme, path=path)

    def _handle(
        self, admitted: Admitted, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Run the app on an admitted request; its claim is settled before its reply ends."""
        body = admitted.event.body
        environ[EVENT_KEY] = admitted.event
        environ["wsgi.input"] = io.BytesIO(body)  # shares the bytes, copies nothing
        environ["wsgi.input_terminated"] = True
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        self._renewing.add(admitted)
        exchange = _Exchange(self._settle(admitted), self._gate.capture(), start_response)
        return exchange.run(self.app, environ)

    def _report(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Run the app on the request as it came, whatever the gate says of it."""
        body = ReadTwice(environ)
        steps = self._gate.observe(self._request(environ))
        watched = dict(environ)
        watched["wsgi.input"] = body
        admitted = drive(steps, read_body, watched)
        environ["wsgi.input"] = body.again()
        if admitted is None:
            return self.app(environ, start_response)
        environ[EVENT_KEY] = admitted.event
        self._renewing.add(admitted)
        reply = WatchedReply(self._settle(admitted), self._gate.capture(), start_response)
        try:
            return reply.watch(self.app(environ, reply.start_response))
        except BaseException:
            reply.settle_once(None)
            raise

    def _settle(self, admitted: Admitted) -> Callable[[Reply | None], None]:
        def settle(reply: Reply | None) -> None:
            self._renewing.discard(admitted)
            drive(self._gate.settle(admitted, reply), read_body, dict[str, Any]())

        return settle


class _Exchange:
    """One reply: held back until it ends or outgrows what is stored, and its claim is settled.

    As an iterator it is what the server sends of a long reply; closing it early, as a server does
    when its client goes away, releases the claim.
    """

    def __init__(
        self,
        settle: Callable[[Reply | None], None],
        capture: Capture,
        start_response: StartResponse,
    ) -> None:
        self._settle: Callable[[Reply | None], None] | None = settle
        self._capture = capture
        self._start_response = start_response
        self._start: tuple[str, list[tuple[str, str]]] | None = None
        self._started = False
        self._held: deque[bytes] = deque()
        self._chunks: Iterator[bytes] = iter(())
        self._close_app: Callable[[], None] | None = None
        self._ended = False

    def run(self, app: WSGIApplication, environ: WSGIEnvironment) -> Iterable[bytes]:
        """Call the app, collect its reply and return what to send."""
        try:
            chunks = app(environ, self._take_start)
            self._close_app = getattr(chunks, "close", None)
            self._chunks = iter(chunks)
            while not (self._ended or self._capture.overflown):
                self._pull()
        except BaseException:
            self.close()
            raise
        if self._start is not None:
            self._start_response(*self._start)
            self._started = True
        if not self._ended:
            return self
        self.close()
        return list(self._held)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return the next chunk, one behind the app: the last goes out when all is settled."""
        while len(self._held) <= 1 and not self._ended:
            self._pull()
        if not self._held:
            raise StopIteration
        return self._held.popleft()

    def close(self) -> None:
        """Close the app's reply; release the claim if it did not end."""
        try:
            self._settle_once(None)
        finally:
            close, self._close_app = self._close_app, None
            if close is not None:
                close()

    def _pull(self) -> None:
        try:
            self._write(next(self._chunks))
        except StopIteration:
            self._ended = True
            self._settle_once(self._capture.reply())

    def _settle_once(self, reply: Reply | None) -> None:
        settle, self._settle = self._settle, None
        if settle is not None:
            settle(reply)

    def _take_start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        if self._started:  # too late to change: the server raises exc_info
            return self._start_response(status, headers, exc_info)
        self._start = (status, headers)
        if exc_info is not None:
            self._held.clear()  # the error page replaces what was begun (PEP 3333)
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._capture.start(int(status[:3]), pairs)
        return self._write

    def _write(self, chunk: bytes) -> None:
        self._held.append(chunk)
        self._capture.add(chunk)


def _send_reply(
    reply: Reply, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers]
    if reply.status != HTTPStatus.NO_CONTENT:  # which has no length (RFC 9110 section 8.6)
        headers.append(("content-length", str(len(reply.body))))
    start_response(f"{reply.status} {_phrase(reply.status)}", headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
