"""Every error Hookseal raises, under one root.

Knows what went wrong and which HTTP status says so. Must not know how an answer is rendered or
sent, and never carries a secret, a signature or a body.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BodyIncomplete",
    "BodyTimeout",
    "BodyTooLarge",
    "ConfigError",
    "ContentEncodingRefused",
    "ContentLengthInvalid",
    "DeliveryConflict",
    "DeliveryInFlight",
    "HeaderDuplicate",
    "HeaderMalformed",
    "HeaderMissing",
    "HeaderTooLong",
    "HooksealError",
    "InsecureTransport",
    "LedgerUnavailable",
    "LengthRequired",
    "MethodNotAllowed",
    "PayloadMalformed",
    "SecretsUnavailable",
    "SignatureInvalid",
    "SourceRateLimited",
    "TimestampTooNew",
    "TimestampTooOld",
    "TooManyFailures",
    "WebhookError",
]


class HooksealError(Exception):
    """The root of every error this package raises."""


class ConfigError(HooksealError):
    """A setting is wrong. Raised at construction; the message names the setting and the fix."""


class WebhookError(HooksealError):
    """A request that must not reach the handler.

    ``code`` is a stable, machine-readable name; ``status_hint`` the HTTP status that says it;
    ``detail`` a sentence that is safe to show to the peer; ``fields`` extra response fields, such
    as ``retry-after`` in seconds.
    """

    code: ClassVar[str] = "webhook_error"
    status_hint: ClassVar[int] = 400
    title: ClassVar[str] = "The webhook request was refused."
    counts_as_failure: ClassVar[bool] = False
    """Whether it consumes the failure budget of the client address."""
    closes_connection: ClassVar[bool] = False
    """Whether an unread body may be left on the connection."""

    def __init__(self, detail: str = "", *, fields: dict[str, str] | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.fields = fields or {}


# --- before the body -------------------------------------------------------------------------


class MethodNotAllowed(WebhookError):
    """The method is not one this endpoint takes."""

    code = "method_not_allowed"
    status_hint = 405
    title = "Webhooks are delivered with POST."


class InsecureTransport(WebhookError):
    """The request did not come over HTTPS. Never answered by a redirect: the body has leaked."""

    code = "insecure_transport"
    status_hint = 403
    title = "Webhooks are accepted over HTTPS only."


class HeaderMissing(WebhookError):
    """A required header is absent or empty."""

    code = "header_missing"
    title = "A required webhook header is missing."
    counts_as_failure = True


class HeaderDuplicate(WebhookError):
    """A header that must be sent once was sent several times."""

    code = "header_duplicate"
    title = "A webhook header was sent more than once."
    counts_as_failure = True


class HeaderTooLong(WebhookError):
    """A header is longer, or lists more signatures, than any honest sender needs."""

    code = "header_too_long"
    title = "A webhook header is too long."
    counts_as_failure = True


class HeaderMalformed(WebhookError):
    """A header holds bytes that its format does not allow."""

    code = "header_malformed"
    title = "A webhook header is malformed."
    counts_as_failure = True


class ContentEncodingRefused(WebhookError):
    """The body is compressed; the signature covers the bytes on the wire, and bombs are small."""

    code = "content_encoding_refused"
    status_hint = 415
    title = "Compressed webhook bodies are not accepted."


class TooManyFailures(WebhookError):
    """The client address has spent its budget of failed requests."""

    code = "too_many_failures"
    status_hint = 429
    title = "Too many failed requests from this address."


# --- the body --------------------------------------------------------------------------------


class LengthRequired(WebhookError):
    """The server cannot tell where the body ends."""

    code = "length_required"
    status_hint = 411
    title = "A Content-Length is required here."
    closes_connection = True


class ContentLengthInvalid(WebhookError):
    """The Content-Length is not a plain decimal number."""

    code = "content_length_invalid"
    title = "The Content-Length is not a number."
    closes_connection = True


class BodyTooLarge(WebhookError):
    """The body is, or says it is, larger than the cap."""

    code = "body_too_large"
    status_hint = 413
    title = "The webhook body is too large."
    closes_connection = True


class BodyTimeout(WebhookError):
    """The body did not arrive in time."""

    code = "body_timeout"
    status_hint = 408
    title = "The webhook body did not arrive in time."
    closes_connection = True


class BodyIncomplete(WebhookError):
    """The body ended before its declared length."""

    code = "body_incomplete"
    title = "The webhook body is shorter than its Content-Length."
    closes_connection = True


# --- the signature ---------------------------------------------------------------------------


class SignatureInvalid(WebhookError):
    """No signature matches any key. One message for every reason, so that nothing is learnt."""

    code = "signature_invalid"
    status_hint = 401
    title = "No webhook signature matches."
    counts_as_failure = True


class TimestampTooOld(WebhookError):
    """Correctly signed, but longer ago than the tolerance: perhaps a replay."""

    code = "timestamp_too_old"
    status_hint = 401
    title = "The webhook timestamp is too old."
    counts_as_failure = True


class TimestampTooNew(WebhookError):
    """Correctly signed, but further in the future than the tolerance."""

    code = "timestamp_too_new"
    status_hint = 401
    title = "The webhook timestamp is too far in the future."
    counts_as_failure = True


class PayloadMalformed(WebhookError):
    """A verified body is not the JSON its handler asked for."""

    code = "payload_malformed"
    status_hint = 422
    title = "The webhook body is not valid JSON."


# --- after the signature ---------------------------------------------------------------------


class SourceRateLimited(WebhookError):
    """The verified source has spent its budget."""

    code = "source_rate_limited"
    status_hint = 429
    title = "Too many webhooks from this source."


class DeliveryInFlight(WebhookError):
    """The same event is being handled by another request; a later retry gets its reply."""

    code = "delivery_in_flight"
    status_hint = 503
    title = "This event is being handled already."


class DeliveryConflict(DeliveryInFlight):
    """The same, for senders that are known to retry a 409."""

    status_hint = 409


class LedgerUnavailable(WebhookError):
    """The idempotency store failed, so the event cannot be handled once for certain."""

    code = "ledger_unavailable"
    status_hint = 503
    title = "The webhook cannot be accepted right now."


class SecretsUnavailable(WebhookError):
    """The secrets for this request could not be had."""

    code = "secrets_unavailable"
    status_hint = 503
    title = "The webhook cannot be accepted right now."
