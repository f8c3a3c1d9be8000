"""Play beside the console: inspectors of an application, and what webhooks lead to one.

Knows Play's calls and where it is mounted. Must not know pages.
"""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from hookseal_receiver.play.secrets import MAX_SECRETS
from hookseal_receiver.play.web import now_ms
from hookseal_sender.api.secrets import public_key
from hookseal_sender.inspectors import Inspectors
from hookseal_sender.store import PageRequest

if TYPE_CHECKING:
    from hookseal_receiver.play import Bin, Play
    from hookseal_sender.model import Application, Endpoint
    from hookseal_sender.store import Store

__all__ = ["Playing"]

_PAGE = 250


class Playing:
    """The inspectors that webhooks can be tested in, at this server's ``public_url``.

    ``store`` has the webhooks: several may lead to one inspector. The console gives its own where
    there is none.
    """

    def __init__(self, play: Play, public_url: str, store: Store | None = None) -> None:
        self.play = play
        self.store = store
        self._inspectors = Inspectors(public_url)

    async def make(self, app: Application, given: str) -> str:
        """Return the URL of an inspector of the application that no webhook leads to.

        It is ``given`` where that is an inspector of it already. Raises Play's TooManyBins.
        """
        if await self._bin_at(given, app.id) is not None:
            return given
        spare = await self.play.spare_bin(client=_client(app.id))
        return self.play.capture_url(spare, self._inspectors.base)

    async def view_url(self, endpoint: Endpoint) -> str | None:
        """Return the page of the inspector that the endpoint leads to; None if it leads elsewhere.

        An inspector of another application is elsewhere.
        """
        found = await self._bin_of(endpoint)
        return None if found is None else self.play.view_url(found, self._inspectors.base)

    async def is_gone(self, endpoint: Endpoint) -> bool:
        """Tell whether the endpoint leads to an inspector that is there no more."""
        token = self._inspectors.token_of(endpoint.url)
        return token is not None and await self.play.store.bin_to_capture(token, now_ms()) is None

    async def follow(self, before: Endpoint | None, after: Endpoint | None) -> None:
        """Have the inspector that a webhook leads to check with the secrets of all that do.

        One that it led to ``before`` and leads to no more forgets its secrets: who sees an
        inspector's page sees them. ``before`` is None for a new webhook, ``after`` for a deleted
        one.
        """
        if before is not None and (after is None or after.url != before.url):
            left = await self._bin_of(before)
            if left is not None and set(_shared([before])) & set(left.secrets):
                await self.play.set_secrets(left, _shared(await self._all_at(before, None)))
        if after is not None:
            led_to = await self._bin_of(after)
            if led_to is not None:
                await self.play.set_secrets(led_to, _shared(await self._all_at(after, after)))

    async def _all_at(self, there: Endpoint, first: Endpoint | None) -> list[Endpoint]:
        """Return ``first`` and all others of the application that lead where ``there`` does."""
        found = [] if first is None else [first]
        cursor, done = None, self.store is None
        while self.store is not None and not done:
            request = PageRequest(limit=_PAGE, cursor=cursor, descending=True)
            page = await self.store.endpoints(there.app_id, request)
            found += [each for each in page.items if each.url == there.url and each.id != there.id]
            cursor, done = (page.items[-1].id if page.items else None), page.done
        return found

    async def _bin_of(self, endpoint: Endpoint) -> Bin | None:
        return await self._bin_at(endpoint.url, endpoint.app_id)

    async def _bin_at(self, url: str, app_id: str) -> Bin | None:
        token = self._inspectors.token_of(url)
        if token is None:
            return None
        return await self.play.find_bin(token, client=_client(app_id))


def _client(app_id: str) -> str:
    return f"application {app_id}"


def _shared(endpoints: list[Endpoint]) -> list[str]:
    """Return what an inspector checks the endpoints' signatures with: the newest of each first."""
    rounds = zip_longest(*(each.secrets for each in endpoints))
    keys = [_verifying(each.key) for each in chain.from_iterable(rounds) if each is not None]
    return list(dict.fromkeys(keys))[:MAX_SECRETS]


def _verifying(secret: str) -> str:
    """Return what checks the signatures of ``secret``: of a key pair only the public half."""
    return public_key(secret) or secret
