"""Verification: bytes in, a verified event or an error out.

Knows how a scheme, a key ring and a body make a verdict. Must not know a clock, a socket or a
framework: the time is an argument, and the body may come whole or in chunks.
"""

from __future__ import annotations

import json
import time
from hmac import compare_digest
from typing import Any, NamedTuple

from hookseal.errors import (
    ConfigError,
    PayloadMalformed,
    SignatureInvalid,
    TimestampTooNew,
    TimestampTooOld,
)
from hookseal.headers import HeadersLike, header_pairs, pick
from hookseal.schemes import Envelope, Scheme, StandardScheme
from hookseal.secrets import HmacKey, KeyRing, PrivateKey, RunningHash, SecretsLike

__all__ = ["DEFAULT_TOLERANCE_SECONDS", "EVENT_KEY", "Verifier", "WebhookEvent"]

EVENT_KEY = "hookseal_event"
"""Where every face leaves the event: in ASGI's ``scope["state"]``, in WSGI's ``environ``."""

DEFAULT_TOLERANCE_SECONDS = 300
"""The window the Standard Webhooks libraries use, in both directions."""


class WebhookEvent(NamedTuple):
    """A verified event, as the handler gets it."""

    id: str
    """The sender's id of the event: the same on every attempt."""
    timestamp: int | None
    """When this attempt was signed, in unix seconds; None where the scheme has no clock."""
    body: bytes
    """The body exactly as it was signed."""
    scheme: str
    """The name of the signature scheme."""
    source: str
    """The name of the sender, as the receiver configured it."""
    attempt: int = 1
    """Above 1 when an earlier run of the handler lost its lease: a fencing number."""
    id_signed: bool = True
    """Whether the signature covers the id; where not, only id and body together name the event."""

    def __repr__(self) -> str:
        """Describe the event without its body, so that it may be logged."""
        return (
            f"<WebhookEvent {self.id!r} from {self.source!r}, attempt {self.attempt}, "
            f"{len(self.body)} bytes>"
        )

    def json(self) -> Any:
        """Return the body as JSON. Raises :class:`PayloadMalformed` where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise PayloadMalformed from None


class Verifier:
    """Checks the signature and the age of one source's requests.

    ``secrets`` is the endpoint's secret, or several (newest first) while they are rotated;
    ``tolerance`` the largest accepted age and lead of a timestamp, in seconds. Raises
    :class:`ConfigError` for secrets that cannot be used.

    :meth:`verify` does all at once. Where a body arrives in chunks, :meth:`begin` gives the
    hashes to feed and :meth:`conclude` the verdict.
    """

    __slots__ = (
        "_headers",
        "_hmac_keys",
        "_id_signed",
        "_mac_token",
        "_public_keys",
        "_scheme",
        "_scheme_name",
        "source",
        "tolerance",
    )

    def __init__(
        self,
        secrets: SecretsLike,
        *,
        source: str = "default",
        scheme: Scheme | None = None,
        tolerance: float = DEFAULT_TOLERANCE_SECONDS,
    ) -> None:
        if not tolerance > 0:  # NaN too, which every comparison lets through
            raise ConfigError(f"tolerance: {tolerance} seconds; it must be above 0. Try 300.")
        ring = verifying_ring(secrets)
        self._hmac_keys = ring.hmac_keys
        self._public_keys = ring.public_keys
        self._scheme = scheme or StandardScheme()
        self._mac_token = self._scheme.mac_token
        self._headers = self._scheme.headers
        self._id_signed = self._scheme.id_signed
        self._scheme_name = self._scheme.name
        self.source = source
        self.tolerance = tolerance

    def verify(
        self, headers: HeadersLike, body: bytes, *, now: float | None = None
    ) -> WebhookEvent:
        """Return the event that ``headers`` and the raw ``body`` carry.

        ``headers`` may be a mapping, a framework's header object or pairs, of text or of bytes;
        ``now`` is in unix seconds and is read from the clock when left out. Raises a
        :class:`~hookseal.errors.WebhookError` whatever the bytes; nothing else.
        """
        if not isinstance(body, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"body: expected the raw bytes as received, got {type(body).__name__}")
        envelope = self._scheme.read(pick(header_pairs(headers), self._headers))
        running = self.begin(envelope)
        for one in running:
            one.update(body)
        return self.conclude(envelope, running, body, time.time() if now is None else now)

    def begin(self, envelope: Envelope) -> list[RunningHash]:
        """Return a running hash for each shared key, to be fed with the body as it arrives."""
        prefix = envelope.prefix
        return [key.begin(prefix) for key in self._hmac_keys]

    def conclude(
        self, envelope: Envelope, running: list[RunningHash], body: bytes, now: float
    ) -> WebhookEvent:
        """Return the event, given the fed hashes, the whole ``body`` and the time of arrival.

        The signature is judged before the timestamp, so that only a holder of a key learns
        anything about the clock.
        """
        if not self._mac_matches(envelope.tokens, running):
            self._check_ed25519(envelope, body)
        timestamp = envelope.timestamp
        if timestamp is not None:
            if timestamp < now - self.tolerance:
                raise TimestampTooOld
            if timestamp > now + self.tolerance:
                raise TimestampTooNew
        return WebhookEvent(
            envelope.event_id, timestamp, body, self._scheme_name, self.source, 1, self._id_signed
        )

    def _mac_matches(self, tokens: list[bytes], running: list[RunningHash]) -> bool:
        for mac in map(HmacKey.end, self._hmac_keys, running):
            # What is given is not decoded: only the one canonical spelling is equal.
            expected = self._mac_token(mac)
            for token in tokens:
                if compare_digest(expected, token):
                    return True
        return False

    def _check_ed25519(self, envelope: Envelope, body: bytes) -> None:
        if self._public_keys:
            content = envelope.prefix + body
            for signature in self._scheme.ed25519_signatures(envelope.tokens):
                if any(key.verifies(signature, content) for key in self._public_keys):
                    return
        raise SignatureInvalid


def verifying_ring(secrets: SecretsLike) -> KeyRing:
    """Return the ring of ``secrets``; raise ConfigError if one is meant for signing."""
    ring = KeyRing.parse(secrets)
    for key in ring.keys:
        if isinstance(key, PrivateKey):
            raise ConfigError(
                "secrets: a whsk_ key is the sender's private key and must not be on a receiver. "
                f"Use its public key: {key.public_text}"
            )
    return ring
