"""A raw delivery, and how it is signed, told apart from the library under test.

Knows Standard Webhooks and HTTP framing. Must not import hookseal: what a receiver takes must agree
with the specification, not with our own signer.
"""

import base64
import hashlib
import hmac
import itertools
from dataclasses import dataclass, replace
from typing import Literal

KEY = bytes(range(100, 132))
OLD_KEY = bytes(range(32, 64))
OTHER_KEY = bytes(range(200, 232))
ED25519_SEED = bytes(range(32))
ED25519_PUBLIC = base64.b64decode("A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")

BODY = b'{"type":"user.created","data":{"id":"u_1","name":"caf\xc3\xa9"}}'
LOOPBACK = "127.0.0.1"
STRANGER = "203.0.113.7"

ID, TIMESTAMP, SIGNATURE = b"webhook-id", b"webhook-timestamp", b"webhook-signature"
PROTO = b"x-forwarded-proto"

_numbers = itertools.count(1)


def secret(key: bytes, prefix: str = "whsec_") -> str:
    return prefix + base64.b64encode(key).decode()


def mac(event_id: bytes, timestamp: bytes, body: bytes, key: bytes, digest="sha256") -> bytes:
    return hmac.digest(key, b"%b.%b.%b" % (event_id, timestamp, body), digest)


def token(raw: bytes) -> bytes:
    return b"v1," + base64.b64encode(raw)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One HTTP request in parts. Every method returns a changed copy."""

    now: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    chunks: tuple[bytes, ...] = (BODY,)
    method: str = "POST"
    path: bytes = b"/hooks"
    scheme: str = "http"
    peer: str | None = LOOPBACK
    framing: Literal["length", "chunked", "none"] = "length"
    declared: bytes | None = None
    """The Content-Length, where it is not the true one."""

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def length(self) -> bytes | None:
        if self.framing != "length":
            return None
        return b"%d" % len(self.body) if self.declared is None else self.declared

    def get(self, name: bytes) -> bytes:
        return dict(self.headers)[name]

    def without(self, *names: bytes) -> "Delivery":
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0] not in names))

    def add(self, name: bytes, value: bytes) -> "Delivery":
        return replace(self, headers=(*self.headers, (name, value)))

    def set(self, name: bytes, value: bytes) -> "Delivery":
        return self.without(name).add(name, value)

    def rename(self, names: dict[bytes, bytes]) -> "Delivery":
        return replace(self, headers=tuple((names.get(n, n), value) for n, value in self.headers))

    def send(self, *chunks: bytes) -> "Delivery":
        """Send another body; what was signed stays."""
        return replace(self, chunks=chunks)

    def chunked(self) -> "Delivery":
        return replace(self, framing="chunked")

    def mac(self, key: bytes = KEY, digest: str = "sha256") -> bytes:
        """The raw digest that belongs to the current id, timestamp and body."""
        return mac(self.get(ID), self.get(TIMESTAMP), self.body, key, digest)

    def token(self, key: bytes = KEY) -> bytes:
        return token(self.mac(key))

    def signature(self, value: bytes) -> "Delivery":
        return self.set(SIGNATURE, value)

    def signed(
        self,
        *,
        event_id: bytes | None = None,
        timestamp: bytes | int | None = None,
        key: bytes = KEY,
    ) -> "Delivery":
        """Sign the body, with another id, timestamp or key where they are given."""
        if isinstance(timestamp, int):
            timestamp = b"%d" % timestamp
        changed = self.set(ID, self.get(ID) if event_id is None else event_id)
        changed = changed.set(TIMESTAMP, self.get(TIMESTAMP) if timestamp is None else timestamp)
        return changed.signature(changed.token(key))

    def with_digest(self, *, holding: bytes) -> "Delivery":
        """Take an id whose base64 signature holds the bytes ``holding``."""
        for number in itertools.count():
            found = self.signed(event_id=b"%b-%d" % (self.get(ID), number))
            if holding in found.get(SIGNATURE):
                return found
        raise AssertionError

    def ed25519(self) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 # an extra
            Ed25519PrivateKey,
        )

        content = b"%b.%b.%b" % (self.get(ID), self.get(TIMESTAMP), self.body)
        raw = Ed25519PrivateKey.from_private_bytes(ED25519_SEED).sign(content)
        return b"v1a," + base64.b64encode(raw)


def baseline(now: float) -> Delivery:
    """An honest, signed delivery that a proxy on the same machine took in over HTTPS."""
    blank = Delivery(now=int(now))
    blank = blank.add(PROTO, b"https").add(b"content-type", b"application/json")
    unique = hashlib.sha256(b"%d %f" % (next(_numbers), now)).hexdigest()[:12].encode()
    return blank.add(ID, b"evt_" + unique).add(TIMESTAMP, b"%d" % blank.now).signed()
