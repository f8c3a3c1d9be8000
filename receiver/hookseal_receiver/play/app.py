"""Play as an ASGI app, and for those who mount it, as Python calls.

Knows how the parts are put together. Must not know what they do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from hookseal import ConfigError
from hookseal.transport import Transport
from hookseal_receiver.look import STATIC_PATH, Forms, PageHeaders, static_files
from hookseal_receiver.play.actions import Actions
from hookseal_receiver.play.api import Api
from hookseal_receiver.play.capture import Capture, Responder, Watcher
from hookseal_receiver.play.judging import Judge
from hookseal_receiver.play.live import Live
from hookseal_receiver.play.secrets import check_secrets
from hookseal_receiver.play.sending import Send
from hookseal_receiver.play.settings import PlaySettings
from hookseal_receiver.play.taking_away import Exports
from hookseal_receiver.play.urls import Urls, capture_url, view_url
from hookseal_receiver.play.views import Views
from hookseal_receiver.play.web import OnHosts, Web, now_ms

if TYPE_CHECKING:
    from starlette.types import Receive, Scope
    from starlette.types import Send as AsgiSend

    from hookseal_receiver.play.model import Bin
    from hookseal_receiver.play.store import PlayStore

__all__ = ["Play", "create_play"]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Play:
    """Play as an ASGI app that may be mounted anywhere, with calls for whoever mounts it.

    ``store`` keeps the requests and is closed by its owner. ``send`` makes the requests of
    *Replay*; without one there is no *Replay*. ``respond`` answers instead of the bins, and
    ``watch`` is told of each request.
    """

    def __init__(
        self,
        store: PlayStore,
        *,
        settings: PlaySettings | None = None,
        send: Send | None = None,
        respond: Responder | None = None,
        watch: Watcher | None = None,
    ) -> None:
        self.store = store
        self.settings = settings or PlaySettings()
        transport = Transport(trusted_proxies=self.settings.trusted_proxies)
        live = Live(store, self.settings.live_pages)
        judge = Judge(transport, self.settings.tolerance)
        capture = Capture(store, self.settings, judge, live, respond=respond, watch=watch)
        forms = Forms(self.settings.form_key or None)
        urls = Urls(self.settings.public_url)
        api = Api(store, self.settings, urls, transport)
        web = Web(store, self.settings, forms, urls, answered_elsewhere=respond is not None)
        routes = [
            *api.routes(),
            *Views(web, live, api.client_key, replays=send is not None).routes(),
            *Exports(web).routes(),
            *Actions(web, send).routes(),
            Mount(STATIC_PATH, static_files()),
        ]
        pages = PageHeaders(
            Starlette(routes=routes, exception_handlers=web.handlers()),
            frame_origins=self.settings.frame_origins,
        )
        captured_at = ("/in/{token}", "/in/{token}{rest:path}")
        self._app = Starlette(
            routes=[
                *(Route(path, capture) for path in captured_at),
                *(Route(f"/api/v1{path}", capture) for path in captured_at),
                Mount("/", OnHosts(pages, self.settings.view_hosts)),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one connection."""
        await self._app(scope, receive, send)

    async def make_bin(self, *, secrets: str | Iterable[str] = (), client: str = "") -> Bin:
        """Return a new bin that checks signatures with ``secrets`` (``whsec_`` or ``whpk_``).

        ``client`` is the address that asked, to be counted; empty is not. Raises ConfigError for
        secrets that cannot be used and :class:`TooManyBins` over the limits.
        """
        texts = check_secrets(secrets)
        return await self.store.make_bin(now_ms(), self.settings, client=client, secrets=texts)

    async def spare_bin(self, *, client: str) -> Bin:
        """Return a bin of ``client`` that has no secret and got no request, made now if need be.

        Raises :class:`TooManyBins` over the limits.
        """
        return await self.store.spare_bin(now_ms(), self.settings, client)

    async def open_bin(self, name: str) -> Bin:
        """Return the bin of a chosen name, made now if there is none: its URLs never change.

        A name can be guessed, so anybody who reaches this server can post to it; none can look.
        Raises ConfigError for a name that is not 1 to 63 of a-z, 0-9 and "-".
        """
        if _NAME.fullmatch(name) is None:
            raise ConfigError(
                f"name: {name[:80]!r} cannot be part of a URL. Use a-z, 0-9 and '-', at most 63."
            )
        return await self.store.named_bin(now_ms(), self.settings, name)

    async def find_bin(self, capture_token: str, *, client: str) -> Bin | None:
        """Return the living bin that ``client`` made and ``capture_token`` posts to, if any."""
        return await self.store.bin_of_client(capture_token, client, now_ms())

    async def set_secrets(self, one: Bin, secrets: str | Iterable[str]) -> Bin:
        """Check signatures with ``secrets`` from now on. Raises ConfigError for unusable ones."""
        return await self.store.set_secrets(one, check_secrets(secrets))

    def capture_url(self, one: Bin, base: str) -> str:
        """Return the URL to give to a sender; ``base`` is where Play is mounted, as a URL."""
        return capture_url(base.rstrip("/"), one)

    def view_url(self, one: Bin, base: str) -> str:
        """Return the URL of the page, which is a secret: who has it can read."""
        return view_url(base.rstrip("/"), one)


def create_play(
    store: PlayStore,
    *,
    settings: PlaySettings | None = None,
    send: Send | None = None,
    respond: Responder | None = None,
    watch: Watcher | None = None,
) -> Play:
    """Return Play as an ASGI app. See :class:`Play` for the arguments.

    Give ``send=open_send()`` only where one person runs Play for themselves: it calls whatever
    this machine can reach.
    """
    return Play(store, settings=settings, send=send, respond=respond, watch=watch)
