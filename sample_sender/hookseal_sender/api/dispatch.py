"""From a request to its answer: the steps that every operation shares.

Knows their order: path, token, rate, query, body, idempotency key; then the operation; and how each
failure is answered. Must not know what the operations do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.body import BODY_DEADLINE, read_body
from hookseal_sender.api.call import Call
from hookseal_sender.api.fields import InputInvalid
from hookseal_sender.api.idempotency import answer_once, keyed
from hookseal_sender.api.limits import RateLimit, address_key
from hookseal_sender.api.queries import read_query
from hookseal_sender.api.replies import NO_CONTENT, Reply, json_reply, problem
from hookseal_sender.api.routing import MethodNotAllowed, Routes
from hookseal_sender.api.tokens import Caller, TokenReader
from hookseal_sender.complaints import Complaints
from hookseal_sender.errors import (
    Forbidden,
    PlanRequired,
    SealBroken,
    SenderError,
    Unauthenticated,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Receive, Scope, Send

    from hookseal_sender.api.call import Services
    from hookseal_sender.api.registry import Operation
    from hookseal_sender.model import Keyed

__all__ = ["Dispatcher"]

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Dispatcher:
    """Serves ``operations`` below ``base`` as an ASGI application; no answer is ever not JSON."""

    def __init__(
        self,
        services: Services,
        operations: Iterable[Operation],
        *,
        base: str = "",
        body_deadline: float = BODY_DEADLINE,
    ) -> None:
        self._services = services
        self._routes = Routes(operations)
        self._base = base
        self._tokens = TokenReader(services.tokens)
        rate = services.rate_limit
        self._limit = RateLimit(rate, services.clock) if rate else None
        self._body_deadline = body_deadline
        self._complaints = Complaints(services.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        reply = await self._answer(scope, receive)
        await _send(reply, send, with_body=scope["method"] != "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        try:
            path = scope["path"].removeprefix(self._base)
            operation, named = self._routes.find(scope["method"], path)
            headers: dict[bytes, bytes] = dict(scope["headers"])
            caller = await self._caller(operation, headers, scope)
            call = Call(
                services=self._services,
                path=named,
                queried=read_query(scope["query_string"], operation.query),
                caller=caller,
            )
            if operation.method in _WITH_BODY:
                call.raw = await self._body(headers, receive)
            if operation.idempotent:
                call.keyed = _keyed(call, headers, path)
            return await self._run(operation, call)
        except InputInvalid as error:
            return json_reply({"detail": error.errors}, 422)
        except Exception as error:  # noqa: BLE001 # the last resort: whatever it is, answer it
            self._complaints.tell(error)
            return _failure(error, self._services.contact)

    async def _caller(
        self, operation: Operation, headers: dict[bytes, bytes], scope: Scope
    ) -> Caller | None:
        """Return whoever calls, if they may. A publish asks the store about revoking by itself."""
        if operation.scope == "none":
            return None
        now = int(self._services.clock())
        try:
            caller = self._tokens.read(headers.get(b"authorization"), now=now)
        except Unauthenticated:
            self._count(address_key((scope.get("client") or (None,))[0]))
            raise
        self._count(caller.digest.hex())
        token_id = caller.scope.token_id
        if (
            token_id
            and operation.checks_token
            and await self._services.store.token_revoked(token_id)
        ):
            raise Unauthenticated("the token was revoked")
        if operation.scope == "organisation" and caller.scope.app_id is not None:
            raise Forbidden("this needs a token of the organisation")
        return caller

    def _count(self, key: str) -> None:
        if self._limit is not None:
            self._limit.hit(key)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        return await read_body(
            receive,
            declared=headers.get(b"content-length"),
            limit=self._services.max_body,
            deadline=self._body_deadline,
        )

    async def _run(self, operation: Operation, call: Call) -> Reply:
        if call.keyed is not None and operation.reply_kept_by == "api":
            repeat = operation.repeat
            return await answer_once(
                call.store,
                call.keyed,
                lambda: operation.handler(call),
                None if repeat is None else lambda: repeat(call),
            )
        return await operation.handler(call)


def _keyed(call: Call, headers: dict[bytes, bytes], path: str) -> Keyed | None:
    key = headers.get(b"idempotency-key")
    if not key or call.caller is None:
        return None
    return keyed(key, token=call.caller.digest, path=path.rstrip("/"), body=call.raw)


async def _send(reply: Reply, send: Send, *, with_body: bool) -> None:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers]
    if reply.body:
        headers.append((b"content-type", reply.content_type.encode()))
    if reply.status != NO_CONTENT.status:
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body if with_body else b""})


def _failure(error: Exception, contact: str) -> Reply:
    """Return the answer to a failure."""
    if isinstance(error, MethodNotAllowed):
        return problem(405, error.code, str(error), (("allow", error.allowed),))
    if isinstance(error, PlanRequired) and contact:
        return problem(error.status_hint, error.code, f"{error}; ask {contact}")
    if isinstance(error, SealBroken):  # which key that was is for the operator alone
        return problem(error.status_hint, error.code, "a secret cannot be read; the log says why")
    if isinstance(error, SenderError):
        return problem(error.status_hint, error.code, str(error), error.headers)
    return problem(500, "server_error", "something went wrong here; the log says what")
