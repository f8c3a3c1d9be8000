"""The API's description of itself, OpenAPI 3.1, made from the declared operations.

Knows the document's shape and what every operation shares: paths, errors, the token. Must not know
any particular operation, nor how one is carried out.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hookseal_sender.api.components import PATHS, SCHEMAS, WEBHOOKS, example, ref
from hookseal_sender.api.replies import JSON, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hookseal_sender.api.parameters import Parameter
    from hookseal_sender.api.registry import Operation

__all__ = ["BASE", "TAGS", "TEMPLATES", "document", "errors_of", "introduction", "openapi_response"]


class _Error(NamedTuple):
    name: str
    code: str  # empty: the body lists faults instead
    meaning: str


BASE = "/api/v1"
"""What every path begins with."""

TEMPLATES = Path(__file__).with_name("templates")
TAGS = {
    "Application": "Your customers, each with endpoints and messages of its own.",
    "Endpoint": "The URLs that get messages: what they want, how fast, signed with which secret.",
    "Event Type": "The kinds of events that you publish, and what their payloads look like.",
    "Message": "Events that were accepted for delivery.",
    "Message Attempt": "Every HTTP request that was made, and what was answered.",
    "Delivery": "Where each message stands with each endpoint; what is held, due or used up.",
    "Authentication": "Tokens for one application.",
    "Health": "Whether the sender works. No token is needed.",
}
"""The groups of operations, in the order of the reference."""

_ANSWERS = {
    200: "Done.",
    201: "Made.",
    202: "Accepted: it is stored, and will be carried out.",
    204: "Done; there is no body.",
    500: "The database does not answer.",
}
_ERRORS = {
    400: _Error(
        "BadRequest",
        "invalid_json",
        "The body is not a JSON object; or there is no room for one more (`limit_reached`).",
    ),
    401: _Error("Unauthenticated", "authentication_failed", "No token, or none that is valid now."),
    403: _Error(
        "Forbidden",
        "insufficient_access",
        "The token does not cover the operation, or the application's plan does not include "
        "webhooks (`enterprise_required`).",
    ),
    404: _Error("NotFound", "not_found", "There is no such thing, or not for this token."),
    408: _Error("TooSlow", "request_timeout", "The body did not arrive within 20 seconds."),
    409: _Error(
        "Conflict",
        "conflict",
        "Something else has that identifier, or the state does not allow it; or the idempotency "
        "key came before with another body (`idempotency_key_reused`).",
    ),
    423: _Error(
        "UnderWay",
        "request_under_way",
        "The first request with the idempotency key has no answer yet; ask again in a moment.",
    ),
    413: _Error("TooLarge", "payload_too_large", "The body is larger than 2 MiB."),
    422: _Error(
        "Invalid", "", "Some fields cannot be used; each is named with the rule that it breaks."
    ),
    429: _Error(
        "TooMany", "rate_limited", "The token is used too often; wait `Retry-After` seconds."
    ),
    500: _Error(
        "ServerError", "server_error", "Something went wrong here; the sender's log says what."
    ),
    503: _Error(
        "Unavailable",
        "store_unavailable",
        "The database cannot do its work now; ask again with the same idempotency key. Or what "
        "was asked for takes too long to find (`read_timeout`): ask for less.",
    ),
}
_TOO_MANY = 429
_ORGANISATION = "It needs a token of the organisation."


def openapi_response(operations: Iterable[Operation]) -> Reply:
    """Return the document as a response, for any origin: its paths begin at the root."""
    return Reply(status=200, body=json.dumps(document(operations), indent=1).encode())


def document(operations: Iterable[Operation], *, server_url: str = "/") -> dict[str, Any]:
    """Return the OpenAPI document of ``operations``, served at ``server_url``."""
    declared = list(operations)
    return {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": server_url}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag, "description": TAGS[tag]} for tag in TAGS if tag in _tags(declared)],
        "paths": _paths(declared),
        "webhooks": {name: _webhook(name) for name in WEBHOOKS},
        "components": {
            "schemas": SCHEMAS,
            "parameters": {**{name: _path_parameter(name) for name in PATHS}, **_IDEMPOTENCY},
            "responses": {error.name: _error_response(status) for status, error in _ERRORS.items()},
            "headers": {"RetryAfter": _RETRY_AFTER},
            "securitySchemes": {"bearer": _BEARER},
        },
    }


def introduction() -> str:
    """Return what a reader should know first, in Markdown: headings, paragraphs and samples."""
    return (TEMPLATES / "introduction.md").read_text("utf-8")


def errors_of(operation: Operation) -> Iterator[int]:
    """Yield the statuses other than success that an operation may answer."""
    writes = operation.method in {"POST", "PUT", "PATCH"}
    possible = {
        400: writes,
        401: operation.scope != "none",
        403: operation.scope == "organisation" or operation.gated,
        404: bool(operation.path_names),
        408: writes,
        409: writes,
        413: writes,
        422: writes or bool(operation.query),
        423: operation.idempotent and operation.reply_kept_by == "api",
        429: operation.scope != "none",
        500: True,
        503: True,
    }
    yield from (status for status, may_be in possible.items() if may_be)


def _info() -> dict[str, str]:
    return {
        "title": "Hookseal sender",
        "version": version("hookseal"),
        "summary": "Webhooks to your customers: accepted once, delivered to every endpoint.",
        "description": introduction(),
    }


def _tags(operations: Iterable[Operation]) -> set[str]:
    return {operation.tag for operation in operations}


def _paths(operations: Sequence[Operation]) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = paths.setdefault(f"{BASE}{operation.path}", _path_item(operation))
        path[operation.method.lower()] = _operation(operation)
    return paths


def _path_item(operation: Operation) -> dict[str, Any]:
    names = operation.path_names
    return {"parameters": [_parameter_ref(name) for name in names]} if names else {}


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.scope == "organisation":
        described["description"] = f"{operation.description} {_ORGANISATION}".strip()
    elif operation.description:
        described["description"] = operation.description
    if operation.body:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": _content(operation.body),
        }
    if operation.scope == "none":
        described["security"] = []
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found = [_query(parameter) for parameter in operation.query]
    return [*found, _parameter_ref("IdempotencyKey")] if operation.idempotent else found


def _query(parameter: Parameter[Any]) -> dict[str, Any]:
    described = {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }
    return {**described, "style": "form", "explode": False} if parameter.many else described


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": PATHS[name]}


def _parameter_ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/parameters/{name}"}


def _responses(operation: Operation) -> dict[str, Any]:
    answers = {
        str(status): {"description": _ANSWERS[status], **_maybe_content(name)}
        for status, name in operation.replies.items()
    }
    errors = {
        str(status): {"$ref": f"#/components/responses/{_ERRORS[status].name}"}
        for status in errors_of(operation)
        if status not in operation.replies
    }
    return answers | errors


def _maybe_content(name: str | None) -> dict[str, Any]:
    return {} if name is None else {"content": _content(name)}


def _content(name: str) -> dict[str, Any]:
    return {JSON: {"schema": ref(name), "example": example(SCHEMAS[name], SCHEMAS)}}


def _error_response(status: int) -> dict[str, Any]:
    error = _ERRORS[status]
    found: dict[str, Any] = {"description": error.meaning, "content": _error_content(error)}
    headers = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    return {**found, "headers": headers} if status == _TOO_MANY else found


def _error_content(error: _Error) -> dict[str, Any]:
    if not error.code:
        return _content("HTTPValidationError")
    sample = {"code": error.code, "detail": error.meaning}
    return {JSON: {"schema": ref("HttpErrorOut"), "example": sample}}


def _webhook(name: str) -> dict[str, Any]:
    schema = WEBHOOKS[name]
    return {
        "post": {
            "operationId": f"operational.{name}",
            "summary": SCHEMAS[schema]["description"],
            "tags": ["Operational webhooks"],
            "requestBody": {"required": True, "content": _content(schema)},
            "responses": {"2XX": {"description": "Received; anything else is tried again."}},
        }
    }


_IDEMPOTENCY: Mapping[str, Any] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Makes a request safe to repeat: for 12 hours the same key with the same "
        "body answers what the first one was answered, and does nothing again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 256},
        "example": "7f6c2b1e-2a44-4f0e-9a3b-1f6f0d1c9f55",
    }
}
_RETRY_AFTER: Mapping[str, Any] = {
    "description": "Seconds to wait before asking again.",
    "schema": {"type": "integer", "minimum": 0},
}
_BEARER: Mapping[str, Any] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "`Authorization: Bearer TOKEN`, with a token of the organisation or of one "
    "application, made by `hookseal-sender token`.",
}
