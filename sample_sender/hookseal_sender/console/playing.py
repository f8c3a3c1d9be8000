"""Play beside the console: inspectors of an application, and what webhooks lead to one.

Knows Play's calls and where it is mounted. Must not know pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_receiver.play.secrets import MAX_SECRETS
from hookseal_sender.api.secrets import public_key
from hookseal_sender.inspectors import Inspectors

if TYPE_CHECKING:
    from hookseal_receiver.play import Bin, Play
    from hookseal_sender.model import Application, Endpoint

__all__ = ["Playing"]


class Playing:
    """The inspectors that webhooks can be tested in, at this server's ``public_url``."""

    def __init__(self, play: Play, public_url: str) -> None:
        self.play = play
        self._inspectors = Inspectors(public_url)

    async def make(self, app: Application, given: str) -> str:
        """Return the URL of a new inspector of the application; ``given`` where it is one already.

        Raises Play's TooManyBins.
        """
        if await self._bin_at(given, app.id) is not None:
            return given
        made = await self.play.make_bin(client=_client(app.id))
        return self.play.capture_url(made, self._inspectors.base)

    async def view_url(self, endpoint: Endpoint) -> str | None:
        """Return the page of the inspector that the endpoint leads to; None if it leads elsewhere.

        An inspector of another application is elsewhere.
        """
        found = await self._bin_of(endpoint)
        return None if found is None else self.play.view_url(found, self._inspectors.base)

    async def follow(self, before: Endpoint | None, after: Endpoint | None) -> None:
        """Have the inspector that a webhook leads to check with its newest secrets.

        One that it led to ``before`` and leads to no more forgets them: who sees an inspector's
        page sees its secrets. ``before`` is None for a new webhook, ``after`` for a deleted one.
        """
        if before is not None and (after is None or after.url != before.url):
            left = await self._bin_of(before)
            if left is not None and set(_shared(before)) & set(left.secrets):
                await self.play.set_secrets(left, ())
        if after is not None:
            led_to = await self._bin_of(after)
            if led_to is not None:
                await self.play.set_secrets(led_to, _shared(after))

    async def _bin_of(self, endpoint: Endpoint) -> Bin | None:
        return await self._bin_at(endpoint.url, endpoint.app_id)

    async def _bin_at(self, url: str, app_id: str) -> Bin | None:
        token = self._inspectors.token_of(url)
        if token is None:
            return None
        return await self.play.find_bin(token, client=_client(app_id))


def _client(app_id: str) -> str:
    return f"application {app_id}"


def _shared(endpoint: Endpoint) -> list[str]:
    """Return what an inspector checks the endpoint's signatures with."""
    return [_verifying(each.key) for each in endpoint.secrets[:MAX_SECRETS]]


def _verifying(secret: str) -> str:
    """Return what checks the signatures of ``secret``: of a key pair only the public half."""
    return public_key(secret) or secret
