"""Forms that take effect once, however often they are sent.

Knows the number that such a form carries, and how the store remembers it. Must not know what a form
does.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from hookseal_receiver.look import FormRefused
from hookseal_sender.api.idempotency import MAX_KEY, keyed, under_way
from hookseal_sender.model import StoredReply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from hookseal_sender.console.web import Fields, Web
    from hookseal_sender.model import Endpoint, Keyed
    from hookseal_sender.visits import Visit

__all__ = ["Once"]

_SEE_OTHER = 303
_NUMBER_BYTES = 16


class Once:
    """Remembers the forms that were sent, for all processes on the store."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def new(self) -> str:
        """Return a number for a form that has not been sent."""
        return secrets.token_urlsafe(_NUMBER_BYTES)

    def key_of(self, request: Request, visit: Visit, fields: Fields) -> Keyed:
        """Return what the form is remembered by. Raises FormRefused for one without a number."""
        number = dict(fields).get("once", "").encode()
        if not 1 <= len(number) <= MAX_KEY:
            raise FormRefused("The form is not complete. Open it here again.")
        holder = f"{visit.scope.org_id}/{visit.scope.app_id}/{visit.scope.token_id}".encode()
        return keyed(number, token=holder, path=request.url.path, body=b"")

    async def do(
        self, key: Keyed, act: Callable[[], Awaitable[Endpoint]]
    ) -> tuple[Endpoint | None, str]:
        """Return what ``act`` returns, and its id; where it was done before, None and that id.

        What ``act`` raises is not remembered: the form can be sent again. Raises KeyUnderWay while
        it is under way.
        """
        before = await self._web.store.begin_keyed(key)
        if before is not None:
            return None, before.body
        async with under_way(self._web.store, key) as kept:
            result = await act()
            kept.reply = StoredReply(status=_SEE_OTHER, body=result.id)
        return result, result.id
