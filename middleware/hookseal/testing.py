"""For the tests of apps that receive webhooks: sign, send, and turn the clock.

Knows how to call an ASGI app, a WSGI app, a URL or an HTTP client. Must not know the gate: what
it sends is what a sender would.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

from hookseal.errors import ConfigError
from hookseal.inprocess import Exchange, call_asgi, call_wsgi
from hookseal.ledger import MemoryLedger
from hookseal.secrets import SecretsLike, generate_secret
from hookseal.signing import Signer
from hookseal.sources import is_async

__all__ = [
    "FakeClock",
    "HttpClient",
    "MemoryLedger",
    "SignedRequest",
    "WebhookClient",
    "WebhookResponse",
    "generate_secret",
]

_TIMEOUT_SECONDS = 10.0


class FakeClock:
    """A clock that stands still until it is told to advance; call it for the time in seconds."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.now += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A delivery, ready to be sent or spoilt first."""

    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookResponse:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; raise ValueError where it is none."""
        return json.loads(self.body)


@runtime_checkable
class HttpClient(Protocol):
    """The part of an httpx, httpx2 or Starlette test client that is used here."""

    def request(self, method: str, url: str, *, content: bytes, headers: dict[str, str]) -> Any:
        """Send one request."""
        ...


Target: TypeAlias = str | HttpClient | Callable[..., Any]


class WebhookClient:
    """Sends signed webhooks to ``target``.

    ``target`` is an ASGI or a WSGI app (called in this process, as if over HTTPS, without its
    lifespan), a URL, or a client of httpx, httpx2 or Starlette. ``secret`` is the endpoint's;
    ``path`` where the endpoint is, relative to a client's base URL. Each delivery is a new event
    unless ``event_id`` says otherwise.
    """

    def __init__(
        self,
        target: Target,
        secret: SecretsLike,
        *,
        path: str = "/",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._target = target
        self._signer = Signer(secret)
        self._path = path
        self._clock = clock

    def sign(
        self,
        payload: object = None,
        *,
        body: bytes | None = None,
        event_id: str | None = None,
        timestamp: int | None = None,
    ) -> SignedRequest:
        """Return a signed delivery of ``payload`` as JSON, or of ``body`` as it is.

        ``timestamp`` is in unix seconds, now by default.
        """
        content = json.dumps(payload).encode() if body is None else body
        headers = self._signer.headers(
            event_id or f"msg_test_{uuid.uuid4().hex}",  # new to an app that others test too
            int(self._clock()) if timestamp is None else timestamp,
            content,
        )
        return SignedRequest(headers={"content-type": "application/json", **headers}, body=content)

    def send(
        self,
        payload: object = None,
        *,
        body: bytes | None = None,
        event_id: str | None = None,
        timestamp: int | None = None,
    ) -> WebhookResponse:
        """Sign, send, and return what came back."""
        signed = self.sign(payload, body=body, event_id=event_id, timestamp=timestamp)
        return self.send_signed(signed)

    def send_signed(self, request: SignedRequest) -> WebhookResponse:
        """Send a delivery as it is: twice, or with something about it changed."""
        target = self._target
        if isinstance(target, str):
            return _send_url(target, request)
        if isinstance(target, HttpClient):
            if is_async(target.request):
                raise ConfigError("target: send needs a sync client. Use asend.")
            return _from_client(
                target.request("POST", self._path, content=request.body, headers=request.headers)
            )
        if not is_async(target):
            return _response(call_wsgi(target, self._path, request.headers, request.body))
        # A thread of its own has no event loop yet, whatever runs in this one.
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(asyncio.run, self._send_asgi(target, request)).result()

    async def asend(
        self,
        payload: object = None,
        *,
        body: bytes | None = None,
        event_id: str | None = None,
        timestamp: int | None = None,
    ) -> WebhookResponse:
        """Do as :meth:`send` for an ASGI app or an async client, on the running event loop."""
        signed = self.sign(payload, body=body, event_id=event_id, timestamp=timestamp)
        return await self.asend_signed(signed)

    async def asend_signed(self, request: SignedRequest) -> WebhookResponse:
        """Do as :meth:`send_signed` for an ASGI app or an async client."""
        target = self._target
        if isinstance(target, HttpClient) and is_async(target.request):
            sending = cast(
                "Awaitable[Any]",
                target.request("POST", self._path, content=request.body, headers=request.headers),
            )
            return _from_client(await sending)
        if isinstance(target, str | HttpClient) or not is_async(target):
            raise ConfigError("target: asend needs an ASGI app or an async client. Use send.")
        return await self._send_asgi(target, request)

    async def _send_asgi(
        self, app: Callable[..., Awaitable[None]], request: SignedRequest
    ) -> WebhookResponse:
        return _response(await call_asgi(app, self._path, request.headers, request.body))


def _response(exchange: Exchange) -> WebhookResponse:
    return WebhookResponse(status=exchange.status, headers=exchange.headers, body=exchange.body)


def _from_client(response: Any) -> WebhookResponse:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return WebhookResponse(status=response.status_code, headers=headers, body=response.content)


def _send_url(url: str, signed: SignedRequest) -> WebhookResponse:
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"target: {url!r} is no URL. Write one that begins with https://")
    request = urllib.request.Request(  # noqa: S310 # the scheme was checked
        url, data=signed.body, headers=signed.headers, method="POST"
    )
    # Without proxies: what is tested is the endpoint, not the way there.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as reply:
            return _from_reply(reply.status, dict(reply.headers), reply.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return _from_reply(refusal.code, dict(refusal.headers), refusal.read())


def _from_reply(status: int, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
    lower = {name.lower(): value for name, value in headers.items()}
    return WebhookResponse(status=status, headers=lower, body=body)
