"""Play for test suites: make a URL, ask what came.

Knows JSON over HTTP, in the shape of Svix Play's own API. Must not know pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookseal.headers import find_header, pick
from hookseal.request import Request as GateRequest
from hookseal_receiver.play.exports import history
from hookseal_receiver.play.store import TooManyBins
from hookseal_receiver.play.urls import number_in
from hookseal_receiver.play.web import now_ms

if TYPE_CHECKING:
    from starlette.requests import Request

    from hookseal.transport import Transport
    from hookseal_receiver.play.settings import PlaySettings
    from hookseal_receiver.play.store import PlayStore
    from hookseal_receiver.play.urls import Urls

__all__ = ["Api"]

_PRIVATE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Api:
    """The routes of the API."""

    def __init__(
        self, store: PlayStore, settings: PlaySettings, urls: Urls, transport: Transport
    ) -> None:
        self._store = store
        self._settings = settings
        self._urls = urls
        self._transport = transport

    def routes(self) -> list[Route]:
        """Return them, to be mounted at the root of Play."""
        return [
            Route("/api/v1/token/generate", self.generate, methods=["POST"]),
            Route("/api/v1/token/generate/", self.generate, methods=["POST"]),
            Route("/api/v1/history/{token}", self.history),
            Route("/api/v1/history/{token}/", self.history),
        ]

    async def generate(self, request: Request) -> Response:
        """Make a bin. ``token`` posts to it; ``view_token`` reads, in the history and the page."""
        if not self._settings.anyone_may_make or cross_site(request):
            return _problem(403, "Inspectors are not made here by everybody.")
        try:
            one = await self._store.make_bin(
                now_ms(), self._settings, client=self.client_key(request)
            )
        except TooManyBins as error:
            return _problem(429, str(error))
        made = {
            "token": one.capture_token,
            "view_token": one.view_token,
            "url": self._urls.capture(request, one),
            "view_url": self._urls.view(request, one),
            "expires_ms": one.expires_ms,
        }
        return JSONResponse(made, headers=_PRIVATE)

    async def history(self, request: Request) -> Response:
        """List requests newer than the query's ``iterator``, oldest first: 50 or 4 MiB at most."""
        one = await self._store.bin_to_view(request.path_params["token"], now_ms())
        if one is None:
            return _problem(404, "There is no inspector with this view token.")
        after = request.query_params.get("iterator", "") or "0"
        number = number_in(after)
        if number is None:
            return _problem(422, "iterator: give the one of the last answer, or none.")
        newer = await self._store.newer(one.id, number)
        url = self._urls.capture(request, one)
        iterator = str(newer[-1].number) if newer else after

        def answer() -> Response:
            data = [history(captured, url) for captured in newer]
            return JSONResponse({"iterator": iterator, "data": data}, headers=_PRIVATE)

        return await run_in_threadpool(answer)  # megabytes of JSON are written

    def client_key(self, request: Request) -> str:
        """Return what a client's bins are counted by; empty where its address is unknown."""
        headers = request.scope["headers"]
        seen = GateRequest(
            request.method,
            request.scope["scheme"],
            "",
            "",
            request.client.host if request.client else None,
            pick(headers, self._transport.headers),
            0.0,
            lambda name: find_header(headers, name),
        )
        return self._transport.client(seen) or ""


def cross_site(request: Request) -> bool:
    """Tell whether a browser says that another site's page makes this request."""
    return request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}


def _problem(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status, headers=_PRIVATE)
