"""Secrets encrypted at rest: AES-256-GCM, with keys that can be rotated.

Knows keys and the form of a sealed text. Must not know what is sealed or where it is kept, and no
error or repr of it holds material.

A sealed text is ``v1.FINGERPRINT.DATA``: which key, then nonce and ciphertext in base64url. The
context (the ids of the row) is authenticated with it, so that a sealed text that was moved to
another row does not open.

Source: NIST SP 800-38D (GCM, 96-bit random nonces), RFC 5869 (HKDF).
"""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hookseal_sender.errors import SealBroken, StartError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MIN_KEY_BYTES", "Vault"]

MIN_KEY_BYTES = 32
"""The least material of a key, before it is stretched."""
_NONCE_BYTES = 12
_KEY_BYTES = 32
_FINGERPRINT_BYTES = 6
_SEALED = re.compile(r"v1\.([0-9a-f]{12})\.([0-9A-Za-z_-]+)\Z", re.ASCII)


class Vault:
    """Seals texts with the first of ``keys`` and opens what any of them sealed.

    Each key is at least 32 bytes and is stretched. Raises
    :class:`~hookseal_sender.errors.StartError` for no key or a shorter one.
    """

    __slots__ = ("_ciphers", "_newest")

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or min(map(len, keys)) < MIN_KEY_BYTES:
            raise StartError(
                f"encryption key: give at least one, and each at least {MIN_KEY_BYTES} bytes"
            )
        self._ciphers = dict(_cipher(key) for key in keys)
        self._newest = next(iter(self._ciphers))

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._ciphers)})"

    def seal(self, plain: str, context: str) -> str:
        """Return ``plain`` encrypted, to be opened with the same ``context`` only."""
        nonce = os.urandom(_NONCE_BYTES)
        data = self._ciphers[self._newest].encrypt(nonce, _encode(plain), _encode(context))
        return f"v1.{self._newest}.{base64.urlsafe_b64encode(nonce + data).decode().rstrip('=')}"

    def open(self, sealed: str, context: str) -> str:
        """Return what :meth:`seal` was given with this ``context``.

        Raises :class:`~hookseal_sender.errors.SealBroken` for anything else, and when the key that
        sealed it is not among those of the vault.
        """
        parts = _SEALED.match(sealed)
        if parts is None:
            raise SealBroken("a stored secret is not in the form that it was sealed in")
        fingerprint, data = parts.groups()
        cipher = self._ciphers.get(fingerprint)
        if cipher is None:
            raise SealBroken(
                f"a stored secret was sealed with key {fingerprint}, which is not here; "
                "add that key at the end of HOOKSEAL_ENCRYPTION_KEY"
            )
        return _decrypt(cipher, data, context)

    def is_current(self, sealed: str) -> bool:
        """Tell whether the newest key sealed it; if not, seal it anew to retire the older key."""
        parts = _SEALED.match(sealed)
        return parts is not None and parts[1] == self._newest


def _decrypt(cipher: AESGCM, data: str, context: str) -> str:
    try:
        raw = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
        plain = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _encode(context))
    except (InvalidTag, ValueError):
        raise SealBroken(
            "a stored secret was changed, or moved from another row; restore it from a backup, "
            "or rotate it"
        ) from None
    return plain.decode("utf-8", "surrogatepass")


def _encode(text: str) -> bytes:
    # Total: an error of the codec would hold the text.
    return text.encode("utf-8", "surrogatepass")


def _cipher(key: bytes) -> tuple[str, AESGCM]:
    """Return the fingerprint of ``key`` and its cipher, which say nothing about each other."""
    fingerprint = _stretch(key, b"hookseal vault v1: fingerprint", _FINGERPRINT_BYTES).hex()
    return fingerprint, AESGCM(_stretch(key, b"hookseal vault v1: AES-256-GCM", _KEY_BYTES))


def _stretch(key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(key)
