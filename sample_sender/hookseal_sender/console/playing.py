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
    """The inspectors that webhooks can be tested in. ``base`` is Play's URL."""

    def __init__(self, play: Play, public_url: str) -> None:
        self._play = play
        self._inspectors = Inspectors(public_url)

    async def make(self, app: Application) -> str:
        """Return the URL of a new inspector of the application; raises Play's TooManyBins."""
        made = await self._play.make_bin(client=_client(app))
        return self._play.capture_url(made, self._inspectors.base)

    async def view_url(self, endpoint: Endpoint) -> str | None:
        """Return the page of the inspector that the endpoint leads to; None if it leads elsewhere.

        An inspector of another application is elsewhere.
        """
        found = await self._bin_of(endpoint)
        return None if found is None else self._play.view_url(found, self._inspectors.base)

    async def share_secrets(self, endpoint: Endpoint) -> None:
        """Have the inspector that the endpoint leads to check with its newest secrets."""
        found = await self._bin_of(endpoint)
        if found is not None:
            newest = endpoint.secrets[:MAX_SECRETS]
            await self._play.set_secrets(found, [_verifying(each.key) for each in newest])

    async def _bin_of(self, endpoint: Endpoint) -> Bin | None:
        token = self._inspectors.token_of(endpoint.url)
        if token is None:
            return None
        return await self._play.find_bin(token, client=f"application {endpoint.app_id}")


def _client(app: Application) -> str:
    return f"application {app.id}"


def _verifying(secret: str) -> str:
    """Return what checks the signatures of ``secret``: of a key pair only the public half."""
    return public_key(secret) or secret
