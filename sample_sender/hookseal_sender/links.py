"""Magic links: a URL that lets one customer in.

Knows how a link is made, opened and taken back. Must not know pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.ids import fresh_id
from hookseal_sender.model import Scope
from hookseal_sender.visits import Visit, Visits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hookseal_sender.model import Application

__all__ = ["LINK_SECONDS", "PATH", "Links", "new_scope"]

PATH = "/console"
"""Where the console is below the public URL."""
LINK_SECONDS = 7 * 86400
"""A link lasts so long unless it is asked for otherwise."""


class Links:
    """Makes and opens links, signed with ``keys``, newest first."""

    def __init__(self, public_url: str, keys: Sequence[bytes]) -> None:
        self._base = f"{public_url.rstrip('/')}{PATH}/link/"
        self._visits = Visits(keys, "link")

    def make(self, scope: Scope, *, expires: int) -> str:
        """Return the URL that lets in whoever has it, until ``expires`` (unix seconds).

        ``scope`` is of one application; revoking its ``token_id`` ends the link and every session
        that it began.
        """
        return self._base + self._visits.seal(Visit(scope=scope, expires=expires))

    def visit(self, sealed: str, *, now: float) -> Visit:
        """Return what the end of a link's path stands for. Raises Unauthenticated."""
        return self._visits.open(sealed, now=now)

    def made_for(self, link: str) -> Scope:
        """Return the scope of a link, ended or not. Raises Unauthenticated for another text."""
        return self._visits.open_ended(link.strip().removeprefix(self._base)).scope


def new_scope(app: Application, now_ms: int) -> Scope:
    """Return a scope of the application that can be revoked on its own."""
    token_id = fresh_id("tok_", now_ms)
    return Scope(org_id=app.org_id, app_id=app.id, token_id=token_id)
