"""The Standard Webhooks scheme: ``v1`` (HMAC-SHA256) and ``v1a`` (ed25519).

Knows the headers ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``, their ``svix-``
aliases, and the signed content ``id.timestamp.body``. Must not know keys, clocks or bodies.

Source: https://github.com/standard-webhooks/standard-webhooks, specification 1.0.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING

from hookseal.errors import (
    ConfigError,
    HeaderDuplicate,
    HeaderMalformed,
    HeaderMissing,
    HeaderTooLong,
    WebhookError,
)
from hookseal.schemes.base import Envelope

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["StandardScheme"]

MAX_ID_BYTES = 256
MAX_TIMESTAMP_DIGITS = 12
MAX_SIGNATURE_BYTES = 4096
MAX_SIGNATURES = 16
"""A rotation has two or three; each ed25519 one costs about 0.1 ms to check."""

_STANDARD = (b"webhook-id", b"webhook-timestamp", b"webhook-signature")
_ALIASES = (b"svix-id", b"svix-timestamp", b"svix-signature")
_SIGNATURE = b"webhook-signature"

# Visible ASCII but "," and ".", which separate combined headers and signed parts.
_ID = rb"[!-+\-/-~]{1,%d}" % MAX_ID_BYTES
_TIMESTAMP = rb"[1-9][0-9]{0,%d}" % (MAX_TIMESTAMP_DIGITS - 1)
_is_prefix = re.compile(rb"%b\.%b\." % (_ID, _TIMESTAMP)).fullmatch


class StandardScheme:
    """Standard Webhooks, as its specification says and stricter where it is silent.

    An id may not hold ``.``, or a body could be re-split into another id and timestamp. The
    ``svix-`` aliases are read only where there is no ``webhook-signature``, and as a complete
    set: the two are never mixed.
    """

    name = "standard"
    headers = frozenset(_STANDARD + _ALIASES)
    id_signed = True

    def read(self, fields: dict[bytes, bytes]) -> Envelope:
        """Return the envelope; raise the error that names the offending header."""
        id_name, timestamp_name, signature_name = _STANDARD if _SIGNATURE in fields else _ALIASES
        try:
            event_id = fields[id_name]
            timestamp = fields[timestamp_name]
            signature = fields[signature_name]
        except KeyError:
            raise _missing(fields) from None
        prefix = b"%b.%b." % (event_id, timestamp)
        if _is_prefix(prefix) is None:
            raise _fault(event_id, id_name, timestamp, timestamp_name)
        tokens = signature.split(b" ", MAX_SIGNATURES)
        if len(tokens) > MAX_SIGNATURES or len(signature) > MAX_SIGNATURE_BYTES:
            raise HeaderTooLong(
                f"Over {MAX_SIGNATURES} signatures, or {MAX_SIGNATURE_BYTES} bytes of them."
            )
        return Envelope(event_id.decode("ascii"), int(timestamp), prefix, tokens)

    def mac_token(self, mac: bytes) -> bytes:
        """Return ``v1,`` and ``mac`` in base64."""
        return b"v1," + b2a_base64(mac, newline=False)

    def ed25519_signatures(self, tokens: Iterable[bytes]) -> list[bytes]:
        """Return what the ``v1a`` tokens spell; others are somebody else's, or junk."""
        versions = (token.partition(b",") for token in tokens)
        decoded = (_decode(text) for version, _, text in versions if version == b"v1a")
        return [signature for signature in decoded if signature is not None]

    def prefix(self, event_id: str, timestamp: int) -> bytes:
        """Return ``id.timestamp.`` for signing; raise ConfigError for what we would refuse."""
        prefix = f"{event_id}.{timestamp}.".encode("utf-8", "surrogatepass")
        if _is_prefix(prefix) is None:
            raise ConfigError(
                f"event_id: {event_id!r} at {timestamp} cannot be signed. Use 1 to {MAX_ID_BYTES} "
                "visible ASCII characters without '.' and ',', and unix seconds."
            )
        return prefix

    def write(
        self, event_id: str, timestamp: int, macs: list[bytes], ed25519: list[bytes]
    ) -> dict[str, str]:
        """Return the three ``webhook-`` headers."""
        tokens = [self.mac_token(mac) for mac in macs]
        tokens += [b"v1a," + b2a_base64(one, newline=False) for one in ed25519]
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": b" ".join(tokens).decode("ascii"),
        }


def _missing(fields: dict[bytes, bytes]) -> WebhookError:
    """Return the error that names the first header missing of the set that the sender means."""
    aliased = any(name in fields for name in _ALIASES)
    standard = any(name in fields for name in _STANDARD)
    names = _ALIASES if aliased and not standard else _STANDARD
    missing = next(name for name in names if name not in fields)
    return HeaderMissing(f"The header {missing.decode()} is missing.")


def _fault(
    event_id: bytes, id_name: bytes, timestamp: bytes, timestamp_name: bytes
) -> WebhookError:
    """Return the error that says what is wrong with an id or a timestamp."""
    if re.fullmatch(_ID, event_id) is None:
        value, name, says = event_id, id_name, "an id: visible ASCII without '.' and ','"
    else:
        value, name, says = timestamp, timestamp_name, "a plain number of seconds"
    header = f"The header {name.decode()}"
    if not value:
        return HeaderMissing(f"{header} is empty.")
    if b"," in value:
        return HeaderDuplicate(f"{header} was sent twice, or holds a comma.")
    if len(value) > MAX_ID_BYTES:
        return HeaderTooLong(f"{header} is longer than {MAX_ID_BYTES} bytes.")
    return HeaderMalformed(f"{header} is not {says}.")


def _decode(text: bytes) -> bytes | None:
    """Return what canonical base64 ``text`` spells: no stray bits, no other alphabet."""
    try:
        raw = a2b_base64(text, strict_mode=True)
    except Base64Error:
        return None
    return raw if b2a_base64(raw, newline=False) == text else None
