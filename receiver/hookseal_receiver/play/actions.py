"""What a page's forms do: answers, secrets, pausing, deleting, sending again.

Knows forms and the store. Every action is checked to come from our own page first.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hookseal import ConfigError
from hookseal_receiver.play.answers import parse_form
from hookseal_receiver.play.model import Bin, Reply
from hookseal_receiver.play.present import as_text, visible
from hookseal_receiver.play.secrets import split_secrets
from hookseal_receiver.play.sending import NotSent, Send, replayed
from hookseal_receiver.play.urls import NUMBER, mounted_at
from hookseal_receiver.play.views import answer_fields
from hookseal_receiver.play.web import Web

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["Actions"]


class Actions:
    """The routes of the forms. ``send`` makes the requests of *Replay*, None for no *Replay*."""

    def __init__(self, web: Web, send: Send | None) -> None:
        self._web = web
        self._send = send

    def routes(self) -> list[Route]:
        """Return them, to be mounted at the root of Play."""
        actions = {
            "setup": self.answer,
            "secrets": self.secrets,
            "pause": self.pause,
            "clear": self.clear,
            "delete": self.delete,
            f"{NUMBER}/delete": self.delete_one,
        }
        if self._send is not None:
            actions[f"{NUMBER}/replay"] = self.replay
        return [
            Route(f"/view/{{token}}/{path}", action, methods=["POST"])
            for path, action in actions.items()
        ]

    async def answer(self, request: Request) -> Response:
        """Set what the bin answers on purpose."""
        one = await self._web.bin_of(request)
        fields = await self._web.form(request, one)
        answer, errors = parse_form(fields)
        if errors:
            given = {name: fields.get(name, "") for name in answer_fields(one)}
            return self._setup(request, one, 422, errors=errors, given=given)
        await self._web.store.set_answer(one, answer)
        return self._web.back(request, one, "/setup?saved=answer")

    async def secrets(self, request: Request) -> Response:
        """Set the secrets that signatures are checked with."""
        one = await self._web.bin_of(request)
        fields = await self._web.form(request, one)
        try:
            given = split_secrets(fields.get("secrets", ""))
        except ConfigError as error:
            words = str(error).removeprefix("secrets: ")
            return self._setup(request, one, 422, errors={"secrets": words})
        await self._web.store.set_secrets(one, given)
        return self._web.back(request, one, "/setup?saved=secrets")

    async def pause(self, request: Request) -> Response:
        """Stop keeping requests, or start again."""
        one = await self._web.bin_of(request)
        fields = await self._web.form(request, one)
        await self._web.store.set_paused(one, paused=fields.get("paused") == "yes")
        return self._web.back(request, one)

    async def clear(self, request: Request) -> Response:
        """Delete all requests."""
        one = await self._web.bin_of(request)
        await self._web.form(request, one)
        await self._web.store.clear(one.id)
        return self._web.back(request, one)

    async def delete(self, request: Request) -> Response:
        """Delete the bin with its URLs."""
        one = await self._web.bin_of(request)
        await self._web.form(request, one)
        await self._web.store.delete_bin(one.id)
        return RedirectResponse(mounted_at(request) + "/", 303)

    async def delete_one(self, request: Request) -> Response:
        """Delete one request."""
        one = await self._web.bin_of(request)
        await self._web.form(request, one)
        await self._web.store.delete_request(one.id, request.path_params["number"])
        return self._web.back(request, one)

    async def replay(self, request: Request) -> Response:
        """Send a request to another URL, and show the answer."""
        one = await self._web.bin_of(request)
        fields = await self._web.form(request, one)
        captured = await self._web.captured_of(one, request.path_params["number"])
        url, fresh = fields.get("url", "").strip(), fields.get("timestamp") == "fresh"
        reply, problem = Reply(status=0), ""
        started = time.monotonic()
        try:
            outgoing = replayed(captured, url, secrets=one.secrets, fresh=fresh, now=time.time())
            reply = await self._replay(outgoing)
        except NotSent as error:
            problem = str(error)
        return self._web.page(
            request,
            "replayed.html",
            one,
            status=422 if problem else 200,
            captured=captured,
            url=visible(url),
            fresh=fresh,
            problem=problem,
            reply=reply,
            shown=await run_in_threadpool(as_text, reply.body),
            took_ms=int((time.monotonic() - started) * 1000),
        )

    async def _replay(self, outgoing: Any) -> Reply:
        if self._send is None:  # the route is not there either
            raise NotSent("Requests are not sent again from here.")
        return await self._send(outgoing)

    def _setup(self, request: Request, one: Bin, status: int, **values: Any) -> Response:
        shown = {
            "given": answer_fields(one),
            "errors": {},
            "saved": "",
            **values,
        }
        elsewhere = self._web.answered_elsewhere
        return self._web.page(
            request, "setup.html", one, status=status, answered_elsewhere=elsewhere, **shown
        )
