"""Signed visits: magic links and sessions of the console.

Knows what a visit holds, when it ends, and that keys rotate. Must not know cookies, pages, a clock
or the store: whether a visit was taken back is asked elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard, cast

from itsdangerous import BadData, URLSafeSerializer

from hookseal_sender.errors import Unauthenticated
from hookseal_sender.model import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Visit", "VisitEnded", "Visits"]

_MAX_LENGTH = 4096  # what a cookie may have
_PARTS = 6
_SEALED = re.compile(r"[\w.-]+", re.ASCII)  # what is decoded would take padding too
_ID = re.compile(r"(org|app|tok|ses)_[0-9A-Za-z]{27}\Z", re.ASCII)


class VisitEnded(Unauthenticated):
    """A visit that was good once: its time is up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """What somebody may see, and until when.

    ``scope`` is of one application for a customer, of an organisation for an operator; its
    ``token_id`` is what revoking names. ``expires`` is in unix seconds. ``session_id`` is what
    signing out ends, None for a link, which no browser is signed in by yet.
    """

    scope: Scope
    expires: int
    session_id: str | None = None

    @property
    def is_operators(self) -> bool:
        """Whether it is for all of the organisation's applications."""
        return self.scope.app_id is None


class Visits:
    """Seals visits for one ``purpose`` with the first of ``keys``; opens what any of them sealed.

    What was sealed for one purpose does not open for another: a link is no session.
    """

    def __init__(self, keys: Sequence[bytes], purpose: str) -> None:
        self._serializer = URLSafeSerializer(
            [*reversed(keys)],  # itsdangerous signs with the last
            salt=f"hookseal console: {purpose}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def seal(self, visit: Visit) -> str:
        """Return the visit as text that may stand in a URL or a cookie."""
        scope = visit.scope
        who = [scope.org_id, scope.app_id, scope.token_id, scope.feature_flags]
        return str(self._serializer.dumps([*who, visit.expires, visit.session_id]))

    def open(self, text: str, *, now: float) -> Visit:
        """Return the visit. Raises :class:`VisitEnded`, and Unauthenticated for any other text."""
        visit = self.open_ended(text)
        if visit.expires <= now:
            raise VisitEnded("this visit has ended")
        return visit

    def open_ended(self, text: str) -> Visit:
        """Return the visit though its time may be up: enough to take it back."""
        if len(text) > _MAX_LENGTH or not _SEALED.fullmatch(text):
            raise Unauthenticated("this was not made here")
        try:
            found: object = self._serializer.loads(text)
        except BadData:
            raise Unauthenticated("this was not made here") from None
        return _visit(found)


def _visit(found: object) -> Visit:
    parts = cast("list[object]", found) if isinstance(found, list) else []
    if len(parts) == _PARTS:
        org_id, app_id, token_id, flags, expires, session_id = parts
        if (
            _is_id(org_id, "org_")
            and (app_id is None or _is_id(app_id, "app_"))
            and (token_id is None or _is_id(token_id, "tok_"))
            and _are_texts(flags)
            and isinstance(expires, int)
            and (session_id is None or _is_id(session_id, "ses_"))
        ):
            scope = Scope(
                org_id=org_id, app_id=app_id, token_id=token_id, feature_flags=tuple(flags)
            )
            return Visit(scope=scope, expires=expires, session_id=session_id)
    raise Unauthenticated("this was not made here")


def _are_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(
        isinstance(each, str) for each in cast("list[object]", value)
    )


def _is_id(value: object, prefix: str) -> TypeGuard[str]:
    return isinstance(value, str) and value.startswith(prefix) and _ID.match(value) is not None
