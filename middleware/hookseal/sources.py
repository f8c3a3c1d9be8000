"""Who may send: a source, its keys, and how they are picked for a request.

Knows static secrets and secrets picked by request. Must not know what is verified with them.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from hookseal.errors import ConfigError
from hookseal.request import Request
from hookseal.secrets import RunningHash, SecretsLike
from hookseal.verify import Verifier, verifying_ring

if TYPE_CHECKING:
    from hookseal.policy import Policy

__all__ = ["PickedSecrets", "SecretsPicker", "Source", "SourceKeys", "is_async", "source_keys"]


@dataclass(frozen=True, slots=True)
class Source:
    """A sender as a receiver configures it: a stable name and its secrets, newest first.

    The name keeps events of different senders apart, and events of one sender together while its
    secrets are rotated.
    """

    name: str
    secrets: SecretsLike

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("source: the name is empty. Give each sender a stable name.")
        if isinstance(self.secrets, Iterable) and not isinstance(self.secrets, str):
            object.__setattr__(self, "secrets", tuple(self.secrets))  # so that it can be hashed

    def __repr__(self) -> str:
        return f"Source({self.name!r}, secrets=...)"


PickedSecrets: TypeAlias = Source | SecretsLike | None
"""What a picker returns; None where no sender belongs to the request."""

SecretsPicker: TypeAlias = Callable[[Request], PickedSecrets | Awaitable[PickedSecrets]]
"""Returns ``Source(name, ...)``, best: bare secrets are told apart by their fingerprints, so that a
rotation makes the sender another one, whose retried events are handled again."""


@dataclass(frozen=True, slots=True)
class SourceKeys:
    """A source ready for use: its checked keys, and the hash that begins its ledger keys."""

    verifier: Verifier
    budget_key: str
    """What its rate budget is counted by."""
    key_hash: RunningHash
    """Fed with all that its ledger keys begin with."""

    def ledger_key(self, event_id: str, extra: bytes = b"") -> bytes:
        """Return the 32 bytes that name one event of this source in a ledger."""
        running = self.key_hash.copy()
        running.update(length_prefixed(event_id.encode()) + extra)
        return running.digest()


def source_keys(picked: Source | SecretsLike, policy: Policy) -> SourceKeys:
    """Return the checked keys of ``picked``.

    Secrets without a name are told apart by their fingerprints, so that one tenant cannot spend
    another's event ids. Raises :class:`ConfigError`.
    """
    if isinstance(picked, Source):
        name, ring = picked.name, verifying_ring(picked.secrets)
        identity = picked.name
    else:
        name, ring = policy.source, verifying_ring(picked)
        identity = "\x00".join([name, *(key.fingerprint for key in ring.keys)])
    verifier = Verifier(ring, source=name, scheme=policy.scheme, tolerance=policy.tolerance)
    names = (policy.namespace, identity, policy.scheme.name)
    key_hash = hashlib.sha256(b"".join(length_prefixed(part.encode()) for part in names))
    return SourceKeys(verifier, key_hash.hexdigest(), key_hash)


def length_prefixed(part: bytes) -> bytes:
    """Return ``part`` so that no two lists of parts concatenate to the same bytes."""
    return len(part).to_bytes(4, "big") + part


def is_async(function: object) -> bool:
    """Tell whether calling ``function`` gives an awaitable, as far as its definition shows."""
    call = getattr(function, "__call__", None)  # noqa: B004 # its kind is asked, not its presence
    inner = function.func if isinstance(function, functools.partial) else function
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(call)
