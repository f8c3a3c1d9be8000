"""What can go wrong inside the sender, under one root.

Knows a stable code, an HTTP status and a sentence for people. Must not know HTTP frameworks or SQL,
and never carries a secret, a token or a body.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "Conflict",
    "Forbidden",
    "KeyReused",
    "KeyUnderWay",
    "NotFound",
    "PayloadRefused",
    "PlanRequired",
    "ReadTooLong",
    "SealBroken",
    "SenderError",
    "StartError",
    "StoreUnavailable",
    "TooManySecrets",
    "Unauthenticated",
    "Unreachable",
    "Unstorable",
]


class SenderError(Exception):
    """The root. ``code`` is machine-readable, ``status_hint`` the HTTP status that says it.

    ``headers`` are fields that belong to an answer of that status.
    """

    code: ClassVar[str] = "generic_error"
    status_hint: ClassVar[int] = 400
    headers: tuple[tuple[str, str], ...] = ()


class NotFound(SenderError):
    """The thing asked for does not exist, or not for whoever asks."""

    code = "not_found"
    status_hint = 404


class Conflict(SenderError):
    """Another thing of the same kind has that uid or event id already."""

    code = "conflict"
    status_hint = 409


class Unauthenticated(SenderError):
    """No token, or one that this server did not make or that has expired."""

    code = "authentication_failed"
    status_hint = 401
    headers = (("www-authenticate", "Bearer"),)  # RFC 9110, 15.5.2


class Forbidden(SenderError):
    """A good token whose scope does not cover the operation."""

    code = "insufficient_access"
    status_hint = 403


class PlanRequired(Forbidden):
    """The application's plan does not include webhooks."""

    code = "enterprise_required"


class KeyReused(SenderError):
    """The idempotency key came before with another body."""

    code = "idempotency_key_reused"
    status_hint = 409


class KeyUnderWay(SenderError):
    """The first request with the idempotency key has no answer yet: ask again in a moment."""

    code = "request_under_way"
    status_hint = 423  # upon which the Svix SDKs ask again; upon a 409 they give up


class PayloadRefused(SenderError):
    """The payload does not satisfy the schema that its event type enforces."""

    code = "payload_refused"
    status_hint = 422


class TooManySecrets(SenderError):
    """The endpoint has as many old secrets as it may have; wait until some expire."""

    code = "limit_reached"


class Unstorable(SenderError):
    """A value that no database column can hold: a NUL, half a character, a number too large."""

    code = "unstorable"
    status_hint = 422


class StoreUnavailable(SenderError):
    """The database could not do its work; asking again later may succeed."""

    code = "store_unavailable"
    status_hint = 503


class ReadTooLong(StoreUnavailable):
    """What was asked for takes longer to find than others can wait."""

    code = "read_timeout"


class StartError(SenderError):
    """The sender cannot start. The message is one line: what was found, and what to do."""

    code = "cannot_start"
    status_hint = 500


class Unreachable(StartError):
    """The sender cannot start now: the database server does not answer. Later it may."""

    code = "database_unreachable"
    status_hint = 503


class SealBroken(SenderError):
    """A secret at rest cannot be opened: its key is missing, or it was changed or moved."""

    code = "secret_unreadable"
    status_hint = 500
