"""Which keys a request is checked with.

Knows static secrets and pickers. Must not know what the keys verify.
"""

from __future__ import annotations

import functools
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, cast

from hookseal.effects import Call, Effect
from hookseal.errors import HooksealError, SecretsUnavailable
from hookseal.secrets import KeyRing
from hookseal.sources import PickedSecrets, Source, SourceKeys, source_keys

if TYPE_CHECKING:
    from hookseal.observe import Notes
    from hookseal.policy import Policy
    from hookseal.request import Request
    from hookseal.secrets import SecretsLike
    from hookseal.sources import SecretsPicker

__all__ = ["KeyPicker"]

_MAX_CACHED_SOURCES = 1024
_RETRY_SOON = {"retry-after": "5"}


class KeyPicker:
    """Finds the keys of a request: always the same, or those that the policy's callable picks."""

    def __init__(self, policy: Policy, notes: Notes) -> None:
        self._policy = policy
        self._notes = notes
        self._picker = cast("SecretsPicker", policy.picker())  # asked where secrets are picked
        self._cached = functools.lru_cache(_MAX_CACHED_SOURCES)(self._make)
        self._decoy = self._make(Source("unknown", KeyRing.decoy()))
        static = policy.static_source()
        self.static = None if static is None else self._make(static)
        """The keys of every request, or None where they are picked."""

    def pick(self, request: Request) -> Generator[Effect, Any, SourceKeys]:
        """Return the keys to check ``request`` with.

        Raises :class:`SecretsUnavailable` where the callable fails: that closes.

        A sender it does not know is checked against a key that nobody has, so that unknown and
        forged look alike, to the microsecond.
        """
        try:
            picked: PickedSecrets = yield Call(self._picker, request)
            return self._decoy if picked is None else self._cached(_hashable(picked))
        except Exception as error:
            # Our own messages are free of secrets; another library's might not be.
            detail = str(error) if isinstance(error, HooksealError) else type(error).__name__
            self._notes.request("picker_failed", request, detail=detail)
            raise SecretsUnavailable(fields=_RETRY_SOON) from error

    def _make(self, picked: Source | SecretsLike) -> SourceKeys:
        return source_keys(picked, self._policy)


def _hashable(picked: Source | SecretsLike) -> Source | str | tuple[str, ...] | KeyRing:
    return picked if isinstance(picked, Source | str | KeyRing) else tuple(picked)
