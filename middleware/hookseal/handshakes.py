"""Endpoint-ownership handshakes: how a sender asks whether an endpoint wants its webhooks.

Knows the unsigned handshakes of several senders. Must not know how requests are verified: what is
answered here is answered to anybody, so each answer gives nothing away that the asker did not
send. All are off unless named in the policy.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl

from hookseal.errors import ConfigError
from hookseal.ledger import Reply

if TYPE_CHECKING:
    from hookseal.request import Request

__all__ = ["CloudEventsHandshake", "GraphHandshake", "Handshake", "HubHandshake"]

_MAX_ECHO_CHARACTERS = 1024
_ORIGIN_HEADER = b"webhook-request-origin"
_RATE_HEADER = b"webhook-request-rate"


class Handshake(Protocol):
    """Answers the requests of one handshake and leaves all others alone."""

    @property
    def headers(self) -> frozenset[bytes]:
        """The lower-case names of the headers it reads."""
        ...

    def answer(self, request: Request) -> Reply | None:
        """Return the reply, or None where ``request`` is no such handshake or is not agreed to."""
        ...


class CloudEventsHandshake:
    """The ``OPTIONS`` handshake of CloudEvents, which Azure Event Grid uses too.

    ``origins`` are the DNS names that may deliver here; ``rate`` the requests a minute that are
    welcome, None for no limit. Source: CloudEvents "HTTP 1.1 Web Hooks" 1.0, section 4.
    """

    headers = frozenset({_ORIGIN_HEADER, _RATE_HEADER})

    def __init__(self, origins: Collection[str], *, rate: int | None = None) -> None:
        if isinstance(origins, str) or not origins or not all(map(str.isascii, origins)):
            raise ConfigError(
                "CloudEventsHandshake: name the origins that may deliver, as a list of DNS names "
                "such as ['eventgrid.azure.net'] (international ones in their xn-- form)."
            )
        self._origins = {origin.lower().encode("ascii") for origin in origins}
        self._rate = b"*" if rate is None else b"%d" % rate

    def answer(self, request: Request) -> Reply | None:
        """Agree to a known origin by headers, as the specification asks."""
        origin = request.fields.get(_ORIGIN_HEADER)
        if request.method != "OPTIONS" or origin is None or origin.lower() not in self._origins:
            return None
        headers = (
            (b"webhook-allowed-origin", origin.lower()),
            (b"webhook-allowed-rate", self._rate),
            (b"allow", b"POST"),
        )
        return Reply(200, headers, b"")


class HubHandshake:
    """The ``hub.challenge`` handshake of Meta, which WebSub has in the same form.

    ``verify_token`` is the text that was entered at the sender. Sources: Meta "Webhooks, getting
    started"; W3C WebSub section 5.3.
    """

    headers = frozenset[bytes]()

    def __init__(self, verify_token: str) -> None:
        if not verify_token:
            raise ConfigError("HubHandshake: the verify_token is empty. Choose one, at random.")
        self._token = verify_token.encode()

    def answer(self, request: Request) -> Reply | None:
        """Echo the challenge to whoever knows the token."""
        if request.method != "GET":
            return None
        query = _query(request)
        given = query.get("hub.verify_token", "").encode("utf-8", "surrogateescape")
        challenge = query.get("hub.challenge", "")
        known = hmac.compare_digest(given, self._token)
        if not known or query.get("hub.mode") != "subscribe":
            return None
        return _echo(challenge)


class GraphHandshake:
    """The ``validationToken`` handshake of Microsoft Graph: a POST whose token is echoed.

    Source: Microsoft Graph, "Receive change notifications through webhooks".
    """

    headers = frozenset[bytes]()

    def answer(self, request: Request) -> Reply | None:
        """Echo the token of the query."""
        token = _query(request).get("validationToken") if request.method == "POST" else None
        return None if token is None else _echo(token)


_PRINTABLE = re.compile(rf"[ -~]{{1,{_MAX_ECHO_CHARACTERS}}}")


def _query(request: Request) -> dict[str, str]:
    try:
        return dict(parse_qsl(request.query, max_num_fields=16))
    except ValueError:
        return {}


def _echo(text: str) -> Reply | None:
    """Return ``text`` as something that no browser takes for a page."""
    if _PRINTABLE.fullmatch(text) is None:
        return None
    headers = ((b"content-type", b"text/plain"), (b"x-content-type-options", b"nosniff"))
    return Reply(200, headers, text.encode("ascii"))
