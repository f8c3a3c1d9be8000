"""The files that a bin's requests can be taken away as.

Knows downloads. A body is always an attachment of unknown type, so that no browser renders it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from hookseal_receiver.play.exports import curl, har
from hookseal_receiver.play.urls import NUMBER

if TYPE_CHECKING:
    from starlette.requests import Request

    from hookseal_receiver.play.model import Captured
    from hookseal_receiver.play.web import Web

__all__ = ["Exports"]

_AT_ONCE = 50


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
        return await self._har(self._web.urls.capture(request, one), [captured])

    async def all_as_har(self, request: Request) -> Response:
        """Return all requests as an archive, oldest first."""
        one = await self._web.bin_of(request)
        found: list[Captured] = []
        while some := await self._web.store.newer(
            one.id, found[-1].number if found else 0, _AT_ONCE
        ):
            found += some
        return await self._har(self._web.urls.capture(request, one), found)

    async def _har(self, url: str, found: list[Captured]) -> Response:
        text = await run_in_threadpool(lambda: json.dumps(har(found, url), indent=1))
        return _file(text.encode(), "application/json", "requests.har")


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="hookseal-{name}"'}
    return Response(content, headers=headers, media_type=media_type)
