"""What the type checkers say of the promised names. Checked, never run.

An ``ignore`` here is a mistake that both checkers must flag: they report it if they do not.
"""
# pyright: reportUnnecessaryTypeIgnoreComment=true, reportUnusedExpression=false

from collections.abc import Awaitable, Iterable, MutableMapping
from typing import Any, Literal, assert_type

from limits.storage import MemoryStorage

import hookseal.asgi
import hookseal.wsgi
from hookseal import (
    ConfigError,
    HooksealError,
    KeyRing,
    Signer,
    Verifier,
    WebhookError,
    WebhookEvent,
    generate_secret,
)
from hookseal.handshakes import CloudEventsHandshake, GraphHandshake, HubHandshake
from hookseal.ledger import MemoryLedger
from hookseal.observe import LoggingObserver, Note
from hookseal.policy import Policy
from hookseal.request import Request
from hookseal.schemes import StandardScheme
from hookseal.sources import Source
from hookseal.testing import SignedRequest, WebhookClient, WebhookResponse

# --- verifier and signer ---------------------------------------------------------------------


def verifying(headers: dict[str, str], pairs: list[tuple[bytes, bytes]], body: bytes) -> None:
    verifier = Verifier("whsec_...", source="acme", scheme=StandardScheme(), tolerance=60)
    event = verifier.verify(headers, body)
    assert_type(event, WebhookEvent)
    assert_type(event.id, str)
    assert_type(event.timestamp, int | None)
    assert_type(event.body, bytes)
    assert_type(event.attempt, int)
    verifier.verify(pairs, body, now=1.5)
    verifier.verify({b"webhook-id": b"evt_1"}, body)
    Verifier(["whsec_...", "whpk_..."])
    Verifier(KeyRing.parse("whsec_..."))

    Verifier(None)  # type: ignore[arg-type]
    Verifier()  # type: ignore[call-arg]
    Verifier("whsec_...", "acme")  # type: ignore[call-arg]
    Verifier("whsec_...", tolerance="300")  # type: ignore[arg-type]
    verifier.verify(headers, "text")  # type: ignore[arg-type]
    verifier.verify(headers)  # type: ignore[call-arg]
    verifier.verify({"webhook-timestamp": 1}, body)  # type: ignore[arg-type]


def signing(body: bytes) -> None:
    signer = Signer(["whsec_...", "whsec_..."], overlap=True)
    assert_type(signer.headers("evt_1", 1_614_265_330, body), dict[str, str])
    assert_type(generate_secret(), str)

    signer.headers("evt_1", "1614265330", body)  # type: ignore[arg-type]
    signer.headers("evt_1", 1_614_265_330, "text")  # type: ignore[arg-type]


def refusing(error: WebhookError, fault: ConfigError) -> list[HooksealError]:
    assert_type(error.code, str)
    assert_type(error.status_hint, int)
    assert_type(error.detail, str)
    return [error, fault]


# --- faces -----------------------------------------------------------------------------------

Message = MutableMapping[str, Any]


async def asgi_app(scope: Message, receive: Any, send: Any) -> None: ...


def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    return []


def pick(request: Request) -> Source | None:
    assert_type(request.path, str)
    assert_type(request.header("x-tenant"), str | None)
    return Source("acme", ["whsec_..."])


async def pick_async(request: Request) -> str | None:
    return "whsec_..."


def observe(note: Note) -> None:
    assert_type(note.source, str)


def faces() -> None:
    asgi = hookseal.asgi.WebhookMiddleware(asgi_app, secrets="whsec_...")
    wsgi = hookseal.wsgi.WebhookMiddleware(wsgi_app, secrets=["whsec_...", "whsec_..."])
    hookseal.asgi.WebhookMiddleware(asgi, pick_async)
    hookseal.wsgi.WebhookMiddleware(wsgi, pick)
    hookseal.asgi.WebhookMiddleware(asgi_app, policy=Policy(secrets=pick))
    hookseal.asgi.WebhookMiddleware(
        asgi_app,
        "whsec_...",
        source="acme",
        scheme=StandardScheme(),
        tolerance=60,
        paths=["/hooks"],
        exempt_paths=("/health",),
        methods={"POST"},
        trusted_proxies=["10.0.0.0/8"],
        hops=2,
        proxy_header="forwarded",
        allow_insecure_peers=["127.0.0.1"],
        max_body=1024,
        body_timeout=2.5,
        allow_content_encoding=True,
        failure_budget=None,
        source_budget="10/second",
        limit_storage=MemoryStorage(),
        ledger=MemoryLedger(),
        namespace="billing",
        lease=10,
        retention=86_400,
        in_flight_wait=0,
        in_flight_status=409,
        max_reply=0,
        reply_headers=[],
        handshakes=[CloudEventsHandshake(["a.example"]), GraphHandshake(), HubHandshake("t")],
        observer=LoggingObserver(),
    )
    hookseal.wsgi.WebhookMiddleware(wsgi_app, "whsec_...", ledger=None, observer=observe)

    hookseal.asgi.WebhookMiddleware(asgi_app, 5)  # type: ignore[arg-type]
    hookseal.asgi.WebhookMiddleware(wsgi_app, "whsec_...")  # type: ignore[arg-type]
    hookseal.wsgi.WebhookMiddleware(asgi_app, "whsec_...")  # type: ignore[arg-type]
    hookseal.asgi.WebhookMiddleware(asgi_app, "whsec_...", lease="30")  # type: ignore[arg-type]
    hookseal.asgi.WebhookMiddleware(asgi_app, "whsec_...", leese=30)  # type: ignore[call-arg]
    hookseal.asgi.WebhookMiddleware(asgi_app, "whsec_...", in_flight_status=410)  # type: ignore[arg-type]
    hookseal.wsgi.WebhookMiddleware(wsgi_app, "whsec_...", ledger={})  # type: ignore[arg-type]
    Policy()  # type: ignore[call-arg]
    Policy(secrets="whsec_...").lease = 5  # type: ignore[misc]


def status(policy: Policy) -> Literal[503, 409]:
    return policy.in_flight_status


# --- testing ---------------------------------------------------------------------------------


async def testing() -> None:
    for target in (asgi_app, wsgi_app, "https://example.com/hooks"):
        client = WebhookClient(target, "whsec_...", path="/hooks")
        assert_type(client.send({"type": "user.created"}), WebhookResponse)
        assert_type(await client.asend(body=b"raw", event_id="evt_1"), WebhookResponse)
        assert_type(client.sign(timestamp=1), SignedRequest)
        client.send(event="evt_1")  # type: ignore[call-arg]
    WebhookClient(None, "whsec_...")  # type: ignore[arg-type]


def settled(sending: Awaitable[WebhookResponse]) -> Awaitable[WebhookResponse]:
    return sending
