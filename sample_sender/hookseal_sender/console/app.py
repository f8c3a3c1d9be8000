"""The console as an ASGI app, to be mounted beside the API.

Knows how its parts are put together. Must not know what they do.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount

from hookseal_receiver.look import STATIC_PATH, Forms, PageHeaders, static_files
from hookseal_sender.console.access import Door
from hookseal_sender.console.changing import Changing
from hookseal_sender.console.logs import Logs
from hookseal_sender.console.signing_in import SigningIn
from hookseal_sender.console.web import ConsoleSettings, Web
from hookseal_sender.console.webhooks import Webhooks
from hookseal_sender.console.workspaces import Workspaces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from hookseal_sender.api import Services
    from hookseal_sender.console.playing import Playing
    from hookseal_sender.links import Links

__all__ = ["ConsoleSettings", "create_console"]


def create_console(
    services: Services,
    settings: ConsoleSettings,
    *,
    keys: Sequence[bytes],
    form_key: bytes,
    links: Links,
    playing: Playing | None = None,
) -> ASGIApp:
    """Return the console on ``services``.

    ``keys`` sign cookies, newest first, ``form_key`` marks forms as ours; each is at least 32 bytes
    and the same in every process. Without ``playing`` there is no *Test in Play*. Raises
    :class:`hookseal.ConfigError` for a frame origin that is none.
    """
    if playing is not None and playing.store is None:
        playing.store = services.store
    web = Web(services, settings, Door(services, keys), Forms(form_key), links, playing)
    parts = (SigningIn(web), Workspaces(web), Webhooks(web), Changing(web), Logs(web))
    routes = [route for part in parts for route in part.routes()]
    pages = Starlette(
        routes=[*routes, Mount(STATIC_PATH, static_files())], exception_handlers=web.handlers()
    )
    return PageHeaders(_Told(pages), frame_origins=settings.frame_origins)


class _Told:
    """Keeps from the server what a page raised: its words may quote a form, and it would log them.

    The answer has been sent, and the log told of the frames.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        with suppress(Exception):
            await self._app(scope, receive, send)
