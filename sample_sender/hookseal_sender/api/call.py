"""One authenticated call.

Knows how the token, the path, the query and the JSON body of a request are read, within limits.
Must not know any particular operation.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from hookseal_sender.errors import Forbidden, SenderError, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from hookseal_sender.addresses import AddressGuard
    from hookseal_sender.model import Application, Scope
    from hookseal_sender.store import Store
    from hookseal_sender.tokens import TokenKey

__all__ = ["MAX_BODY_BYTES", "BodyTooLarge", "Call", "MalformedBody", "Services"]

MAX_BODY_BYTES = 2 * 1024 * 1024
"""The limit of the Svix server."""


class BodyTooLarge(SenderError):
    """The request body exceeds :data:`MAX_BODY_BYTES`."""

    code = "payload_too_large"
    status_hint = 413


class MalformedBody(SenderError):
    """The request body is not a JSON object."""

    code = "invalid_json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What the operations work with. ``clock`` returns unix seconds."""

    store: Store
    tokens: TokenKey
    guard: AddressGuard
    clock: Callable[[], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request whose token was good, and what the token covers."""

    request: Request
    services: Services
    scope: Scope

    @classmethod
    def of(cls, request: Request) -> Call:
        """Return the call; raises Unauthenticated without a good bearer token."""
        services: Services = request.app.state.services
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise Unauthenticated(
                "a token is required: Authorization: Bearer TOKEN, made by 'hookseal-sender token'"
            )
        scope = services.tokens.read(token.strip(), now=int(services.clock()))
        return cls(request=request, services=services, scope=scope)

    @property
    def store(self) -> Store:
        """The store."""
        return self.services.store

    @property
    def query(self) -> dict[str, str]:
        """The query parameters, the last of each name."""
        return dict(self.request.query_params)

    @property
    def with_content(self) -> bool:
        """Whether payloads and responses are wanted; they are unless refused."""
        return self.query.get("with_content") != "false"

    def path(self, name: str) -> str:
        """Return a part of the path."""
        return cast("str", self.request.path_params[name])

    def require_organisation(self) -> None:
        """Raise Forbidden for a token of one application only."""
        if self.scope.app_id is not None:
            raise Forbidden("this needs a token of the organisation")

    async def application(self) -> Application:
        """Return the application that the path names, if the token covers it."""
        return await self.store.application(self.scope, self.path("app_id"))

    async def body(self) -> dict[str, object]:
        """Return the JSON object that was sent.

        Raises :class:`BodyTooLarge` or :class:`MalformedBody`.
        """
        return _parse(await _read(self.request))


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(f"the body is larger than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _parse(body: bytes) -> dict[str, object]:
    try:
        value: object = json.loads(body, parse_constant=_refuse_constant, parse_float=_finite_float)
        if b"\\u" in body:  # a lone surrogate parses, but has no UTF-8 form to store
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise MalformedBody("the body is not valid JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise MalformedBody("the body must be a JSON object")
    return cast("dict[str, object]", value)


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
