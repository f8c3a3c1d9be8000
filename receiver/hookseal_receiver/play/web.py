"""What the pages of Play have in common: finding a bin, checking a form, saying what is wrong.

Knows requests, templates and the store. Must not know any one page.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse

from hookseal_receiver.look import FormRefused, Forms, Pages, read_form
from hookseal_receiver.play.present import visible
from hookseal_receiver.play.urls import mounted_at

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from hookseal_receiver.play.model import Bin, Captured
    from hookseal_receiver.play.settings import PlaySettings
    from hookseal_receiver.play.store import PlayStore
    from hookseal_receiver.play.urls import Urls

__all__ = ["OnHosts", "Web", "now_ms"]

_TEMPLATES = Path(__file__).parent / "templates"
_WORDS = {"Not Found": "There is no such page.", "Method Not Allowed": "This page cannot do that."}
"""What Starlette says, in our words."""


class Web:
    """Shared by the routes of pages."""

    def __init__(
        self,
        store: PlayStore,
        settings: PlaySettings,
        forms: Forms,
        urls: Urls,
        *,
        answered_elsewhere: bool,
    ) -> None:
        self.store = store
        self.settings = settings
        self.forms = forms
        self.urls = urls
        self.answered_elsewhere = answered_elsewhere
        self.pages = Pages(_TEMPLATES, {"visible": visible})

    def handlers(self) -> dict[Any, Any]:
        """Return the handlers of what goes wrong."""
        return {
            HTTPException: self._wrong,
            FormRefused: self._refused,
            Exception: self._broken,
        }

    async def bin_of(self, request: Request) -> Bin:
        """Return the bin that the request's token shows; answer 404 where there is none."""
        one = await self.store.bin_to_view(request.path_params["token"], now_ms())
        if one is None:
            raise HTTPException(404, "There is no inspector at this address, or it has expired.")
        return one

    async def captured_of(self, one: Bin, number: int) -> Captured:
        """Return a request of the bin; answer 404 where there is none."""
        captured = await self.store.request(one.id, number)
        if captured is None:
            raise HTTPException(404, "This request is gone: deleted, or replaced by newer ones.")
        return captured

    def path(self, request: Request, one: Bin) -> str:
        """Return the path of the bin's page."""
        return f"{mounted_at(request)}/view/{one.view_token}"

    def token(self, one: Bin) -> str:
        """Return what every form of the bin carries."""
        return self.forms.token(f"bin {one.id}", time.time())

    async def form(self, request: Request, one: Bin) -> dict[str, str]:
        """Return the fields of a form about the bin; raise FormRefused unless it is ours."""
        fields = await read_form(request)
        self.forms.check(request, fields, f"bin {one.id}", time.time())
        return fields

    def page(
        self, request: Request, template: str, one: Bin, *, status: int = 200, **values: Any
    ) -> Response:
        """Return a page about the bin."""
        return self.pages.answer(
            request,
            template,
            status=status,
            bin=one,
            here=self.path(request, one),
            home=mounted_at(request) + "/",
            capture_url=self.urls.capture(request, one),
            made_at=self.settings.made_at,
            csrf=self.token(one),
            now=now_ms(),
            **values,
        )

    def back(self, request: Request, one: Bin, rest: str = "") -> Response:
        """Return a redirection to the bin's page, or to what is below it."""
        return RedirectResponse(self.path(request, one) + rest, 303)

    async def _wrong(self, request: Request, error: HTTPException) -> Response:
        return await self._say(request, error.status_code, _WORDS.get(error.detail, error.detail))

    async def _refused(self, request: Request, error: FormRefused) -> Response:
        return await self._say(request, error.status, str(error))

    async def _broken(self, request: Request, _error: Exception) -> Response:
        """Say that it is our fault; the server logs what it was."""
        return self._answer(request, 500, "This failed here. Try again in a while.", "")

    async def _say(self, request: Request, status: int, words: str) -> Response:
        """Return a page that leads back to the bin, where the address names one that lives."""
        token = request.scope.get("path_params", {}).get("token", "")
        one = await self.store.bin_to_view(token, now_ms()) if token else None
        return self._answer(request, status, words, self.path(request, one) if one else "")

    def _answer(self, request: Request, status: int, words: str, back: str) -> Response:
        return self.pages.answer(request, "wrong.html", status=status, words=words, back=back)


class OnHosts:
    """Serves ``app`` under the host names ``hosts`` only; under any where there are none.

    Keeps a page of another site, whose name was made to lead here, from reading what is shown.
    """

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        host = dict(scope.get("headers", ())).get(b"host", b"").decode("latin-1")
        name = host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
        if scope["type"] == "http" and self._hosts and name.lower() not in self._hosts:
            refusal = PlainTextResponse("Pages are not shown under this host name.\n", 421)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def now_ms() -> int:
    """Return the present in unix milliseconds."""
    return time.time_ns() // 1_000_000
