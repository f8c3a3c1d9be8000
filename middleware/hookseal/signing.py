"""Signing: the mirror of the verifier.

Knows how a scheme and a key ring make the headers of a delivery. Must not know a clock, a socket
or which endpoint is meant.
"""

from __future__ import annotations

from hookseal.errors import ConfigError
from hookseal.schemes import Scheme, StandardScheme
from hookseal.secrets import HmacKey, KeyRing, PrivateKey, SecretsLike

__all__ = ["Signer"]


class Signer:
    """Signs deliveries so that a :class:`~hookseal.Verifier` with the same secret accepts them.

    ``secrets`` is one secret, or several, newest first. The newest signs; with ``overlap`` every
    key does, so that receivers may change over at their own time. ``whsec_`` secrets give ``v1``
    signatures, ``whsk_`` keys ``v1a``. Raises :class:`ConfigError` for secrets that cannot sign.
    """

    __slots__ = ("_hmac_keys", "_private_keys", "_scheme")

    def __init__(
        self, secrets: SecretsLike, *, overlap: bool = False, scheme: Scheme | None = None
    ) -> None:
        keys = KeyRing.parse(secrets).keys
        signing = keys if overlap else keys[:1]
        self._hmac_keys = [key for key in signing if isinstance(key, HmacKey)]
        self._private_keys = [key for key in signing if isinstance(key, PrivateKey)]
        if len(self._hmac_keys) + len(self._private_keys) < len(signing):
            raise ConfigError(
                "secrets: a whpk_ key can only verify. Sign with the whsk_ key it belongs to."
            )
        self._scheme = scheme or StandardScheme()

    def headers(self, event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """Return the headers that sign ``body`` as the event ``event_id``.

        ``timestamp`` is the time of this attempt in unix seconds. Raises :class:`ConfigError` for
        an id that receivers must refuse.
        """
        scheme = self._scheme
        prefix = scheme.prefix(event_id, timestamp)
        macs = [_mac(key, prefix, body) for key in self._hmac_keys]
        ed25519 = [key.sign(prefix + body) for key in self._private_keys]
        return scheme.write(event_id, timestamp, macs, ed25519)


def _mac(key: HmacKey, prefix: bytes, body: bytes) -> bytes:
    running = key.begin(prefix)
    running.update(body)
    return key.end(running)
