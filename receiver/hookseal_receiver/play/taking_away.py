"""The files that a bin's requests can be taken away as.

Knows downloads. A body is always an attachment of unknown type, so that no browser renders it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from hookseal_receiver.play.exports import curl, har
from hookseal_receiver.play.urls import NUMBER

if TYPE_CHECKING:
    from starlette.requests import Request

    from hookseal_receiver.play.model import Bin, Captured
    from hookseal_receiver.play.web import Web

__all__ = ["Exports"]


class Exports:
    """The routes of the downloads."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        """Return them, to be mounted at the root of Play."""
        return [
            Route("/view/{token}/har", self.all_as_har),
            Route(f"/view/{{token}}/{NUMBER}/har", self.one_as_har),
            Route(f"/view/{{token}}/{NUMBER}/curl", self.one_as_curl),
            Route(f"/view/{{token}}/{NUMBER}/body", self.body),
        ]

    async def body(self, request: Request) -> Response:
        """Return the body, byte for byte as far as it was kept."""
        one = await self._web.bin_of(request)
        captured = await self._web.captured_of(one, request.path_params["number"])
        return _file(captured.draft.body, "application/octet-stream", f"{captured.number}.bin")

    async def one_as_curl(self, request: Request) -> Response:
        """Return the command that sends a request again."""
        one = await self._web.bin_of(request)
        captured = await self._web.captured_of(one, request.path_params["number"])
        url = self._web.urls.capture(request, one)
        text = await run_in_threadpool(curl, captured, url)
        return _file(f"{text}\n".encode(), "text/x-shellscript", f"{captured.number}.sh")

    async def one_as_har(self, request: Request) -> Response:
        """Return one request as an archive."""
        one = await self._web.bin_of(request)
        captured = await self._web.captured_of(one, request.path_params["number"])
        return _har(har(_alone(captured), self._web.urls.capture(request, one)))

    async def all_as_har(self, request: Request) -> Response:
        """Return all requests as an archive, oldest first."""
        one = await self._web.bin_of(request)
        return _har(har(self._so_far(one), self._web.urls.capture(request, one)))

    async def _so_far(self, one: Bin) -> AsyncIterator[Captured]:
        """Yield what came until now; more may come faster than it is taken away."""
        newest, _ = await self._web.store.newest(one.id) or (0, False)
        after = 0
        while after < newest and (some := await self._web.store.newer(one.id, after)):
            for captured in some:
                yield captured
            after = some[-1].number


async def _alone(captured: Captured) -> AsyncIterator[Captured]:
    yield captured


def _har(content: AsyncIterator[str]) -> Response:
    headers = _attached("requests.har")
    return StreamingResponse(content, headers=headers, media_type="application/json")


def _file(content: bytes, media_type: str, name: str) -> Response:
    return Response(content, headers=_attached(name), media_type=media_type)


def _attached(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="hookseal-{name}"'}
