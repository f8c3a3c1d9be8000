"""Signing keys: how secrets are written, checked and kept out of sight.

Knows the Standard Webhooks secret formats (``whsec_``, ``whsk_``, ``whpk_``) and the two
algorithms behind them. Must not know headers, requests or where a secret is stored.

Source: https://github.com/standard-webhooks/standard-webhooks, "Signature scheme".
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import secrets as _random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from hookseal.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

__all__ = [
    "HmacKey",
    "Key",
    "KeyRing",
    "PrivateKey",
    "PublicKey",
    "RunningHash",
    "SecretsLike",
    "generate_secret",
    "parse_key",
]

_MIN_HMAC_BYTES, _MAX_HMAC_BYTES = 24, 64
_SHA256_BLOCK_BYTES = 64
_ED25519_SEED_BYTES = 32
_TRANS_INNER = bytes(byte ^ 0x36 for byte in range(256))
_TRANS_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class RunningHash(Protocol):
    """The part of a hashlib object that is used here."""

    def update(self, data: bytes, /) -> None:
        """Add ``data``."""
        ...

    def digest(self) -> bytes:
        """Return the hash of all that was added."""
        ...

    def copy(self) -> RunningHash:
        """Return an independent hash in the same state."""
        ...


class HmacKey:
    """A shared secret for HMAC-SHA256 (``whsec_``).

    The two padded key blocks of RFC 2104 are hashed once, here, so that a message costs no key
    schedule: at 1 KiB this halves the time of a one-shot ``hmac.digest``. :meth:`begin` gives the
    hash to feed with the message as it comes in, :meth:`end` the MAC of all that it was fed.
    """

    __slots__ = ("_inner", "_outer", "fingerprint")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(_SHA256_BLOCK_BYTES, b"\x00")
        self._inner: RunningHash = hashlib.sha256(block.translate(_TRANS_INNER))
        self._outer: RunningHash = hashlib.sha256(block.translate(_TRANS_OUTER))
        self.fingerprint = _fingerprint(b"hmac" + key)

    def begin(self, prefix: bytes) -> RunningHash:
        """Return the hash of a message that begins with ``prefix``, to be fed with the rest."""
        running = self._inner.copy()
        running.update(prefix)
        return running

    def end(self, running: RunningHash) -> bytes:
        """Return the 32-byte MAC of the whole message that ``running`` was fed with."""
        outer = self._outer.copy()
        outer.update(running.digest())
        return outer.digest()

    def __repr__(self) -> str:
        return f"<HmacKey {self.fingerprint}>"


class PublicKey:
    """An ed25519 public key (``whpk_``): verifies ``v1a`` signatures, cannot make them."""

    __slots__ = ("_key", "fingerprint")

    def __init__(self, key: Ed25519PublicKey, raw: bytes) -> None:
        self._key = key
        self.fingerprint = _fingerprint(b"ed25519" + raw)

    def verifies(self, signature: bytes, content: bytes) -> bool:
        """Tell whether the 64-byte ``signature`` is this key's over ``content``."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 # an extra

        try:
            self._key.verify(signature, content)
        except InvalidSignature:
            return False
        return True

    def __repr__(self) -> str:
        return f"<PublicKey {self.fingerprint}>"


class PrivateKey:
    """An ed25519 key pair (``whsk_``): makes ``v1a`` signatures."""

    __slots__ = ("_key", "public", "public_text")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes_raw()
        self.public = PublicKey(key.public_key(), raw)
        self.public_text = "whpk_" + _b64encode(raw)

    def sign(self, content: bytes) -> bytes:
        """Return the 64-byte signature over ``content``."""
        return self._key.sign(content)

    @property
    def fingerprint(self) -> str:
        """The name of the pair, which is that of its public key."""
        return self.public.fingerprint

    def __repr__(self) -> str:
        return f"<PrivateKey {self.fingerprint}>"


Key: TypeAlias = HmacKey | PublicKey | PrivateKey


class KeyRing:
    """Keys of one source, newest first: the newest signs, all verify.

    Raises :class:`ConfigError` for an empty ring or a secret that cannot be used.
    """

    __slots__ = ("hmac_keys", "keys", "public_keys")

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys = tuple(keys)
        if not self.keys:
            raise ConfigError(
                'secrets: none given. Pass the endpoint\'s secret: secrets="whsec_..."'
            )
        self.hmac_keys = tuple(key for key in self.keys if isinstance(key, HmacKey))
        self.public_keys = tuple(
            key.public if isinstance(key, PrivateKey) else key
            for key in self.keys
            if not isinstance(key, HmacKey)
        )

    @classmethod
    def parse(cls, secrets: SecretsLike, *, setting: str = "secrets") -> KeyRing:
        """Return the ring that ``secrets`` spells: one secret or several, newest first."""
        if isinstance(secrets, KeyRing):
            return secrets
        texts = [secrets] if isinstance(secrets, str) else _as_list(secrets, setting)
        return cls([parse_key(text, setting=setting) for text in texts])

    @classmethod
    def decoy(cls) -> KeyRing:
        """Return a ring whose key nobody has, to spend the same time on an unknown source."""
        return cls([HmacKey(_random.token_bytes(_ED25519_SEED_BYTES))])

    def __repr__(self) -> str:
        return f"<KeyRing {list(self.keys)}>"


SecretsLike: TypeAlias = str | Iterable[str] | KeyRing
"""One secret, several (newest first), or a ready ring."""


def generate_secret(size: int = 32) -> str:
    """Return a new ``whsec_`` secret of ``size`` random bytes (24 to 64)."""
    if not _MIN_HMAC_BYTES <= size <= _MAX_HMAC_BYTES:
        raise ConfigError(
            f"size: {size} bytes; a secret has {_MIN_HMAC_BYTES} to {_MAX_HMAC_BYTES}."
        )
    return "whsec_" + _b64encode(_random.token_bytes(size))


def parse_key(text: str, *, setting: str = "secrets") -> Key:
    """Return the key that ``text`` spells.

    Raises :class:`ConfigError`, naming ``setting``, the fault and the fix, but never the text.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] # os.environ.get
        raise ConfigError(
            f"{setting}: expected text such as 'whsec_...', got {type(text).__name__}. "
            "Is the environment variable that should hold it set?"
        )
    if not text.strip():
        raise ConfigError(
            f"{setting}: the secret is empty. Is the environment variable that should hold it set? "
            "Copy the endpoint's secret, which begins with 'whsec_', from the sender."
        )
    if text != text.strip():
        raise ConfigError(f"{setting}: white space around the secret. Strip it.")
    prefix, underscore, encoded = text.partition("_")
    make = _MAKERS.get(prefix + underscore)
    if make is None:
        raise ConfigError(
            f"{setting}: the secret has no known prefix. Expected 'whsec_' (shared secret) or "
            "'whpk_' (ed25519 public key), followed by base64; copy it whole from the sender."
        )
    return make(_b64decode(encoded, setting), setting)


def _as_list(secrets: Iterable[str] | bytes, setting: str) -> list[str]:
    try:
        # Bytes are iterable too, and would be named by the type of their items.
        return [cast("str", secrets)] if isinstance(secrets, bytes) else list(secrets)
    except TypeError:
        raise ConfigError(
            f"{setting}: expected text such as 'whsec_...', got {type(secrets).__name__}. "
            "Is the environment variable that should hold it set?"
        ) from None


def _hmac_key(raw: bytes, setting: str) -> HmacKey:
    if not _MIN_HMAC_BYTES <= len(raw) <= _MAX_HMAC_BYTES:
        raise ConfigError(
            f"{setting}: the whsec_ secret decodes to {len(raw)} bytes; it must have "
            f"{_MIN_HMAC_BYTES} to {_MAX_HMAC_BYTES}. Was it cut when it was copied?"
        )
    return HmacKey(raw)


def _public_key(raw: bytes, setting: str) -> PublicKey:
    if len(raw) != _ED25519_SEED_BYTES:
        raise ConfigError(
            f"{setting}: the whpk_ key decodes to {len(raw)} bytes; an ed25519 public key has 32."
        )
    ed25519 = _ed25519(setting)
    return PublicKey(ed25519.Ed25519PublicKey.from_public_bytes(raw), raw)


def _private_key(raw: bytes, setting: str) -> PrivateKey:
    seed, public = raw[:_ED25519_SEED_BYTES], raw[_ED25519_SEED_BYTES:]
    if len(seed) != _ED25519_SEED_BYTES or len(public) not in {0, _ED25519_SEED_BYTES}:
        raise ConfigError(
            f"{setting}: the whsk_ key decodes to {len(raw)} bytes; an ed25519 private key has 32, "
            "or 64 with its public half."
        )
    ed25519 = _ed25519(setting)
    key = PrivateKey(ed25519.Ed25519PrivateKey.from_private_bytes(seed))
    if public and not hmac.compare_digest(key.public_text, "whpk_" + _b64encode(public)):
        raise ConfigError(f"{setting}: the two halves of the whsk_ key do not belong together.")
    return key


_MAKERS: dict[str, Callable[[bytes, str], Key]] = {
    "whsec_": _hmac_key,
    "whpk_": _public_key,
    "whsk_": _private_key,
}


def _ed25519(setting: str) -> _Ed25519Module:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 # an extra
    except ImportError:
        raise ConfigError(
            f"{setting}: ed25519 keys (whpk_, whsk_) need an extra. Run "
            "pip install 'hookseal[ed25519]'"
        ) from None
    return ed25519


class _Ed25519Module(Protocol):
    """The part of cryptography's module that is used here."""

    Ed25519PublicKey: type[Ed25519PublicKey]
    Ed25519PrivateKey: type[Ed25519PrivateKey]


def _b64encode(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).decode("ascii")


def _b64decode(text: str, setting: str) -> bytes:
    try:
        return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ConfigError(
            f"{setting}: the part after the prefix is not base64. Copy the secret whole."
        ) from None


def _fingerprint(material: bytes) -> str:
    """Name a key in logs and ledger keys without giving it away."""
    return hashlib.sha256(b"hookseal key fingerprint\x00" + material).hexdigest()[:12]
