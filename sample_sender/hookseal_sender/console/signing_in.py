"""Coming in and going out: tokens for operators, magic links for customers.

Knows the routes of both. Must not know what is behind the door.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import Route

from hookseal_sender.console.access import SignInNeeded
from hookseal_sender.console.web import Web, base_of
from hookseal_sender.console.words import sentence
from hookseal_sender.errors import Unauthenticated
from hookseal_sender.visits import Visit, VisitEnded

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["SigningIn"]

_TARGET = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9_.~-]+)+/?", re.ASCII)
"""A path of the console, without dots that climb out of it; read in one pass, however long."""


class SigningIn:
    """The routes, to be mounted at the console's root."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        """Return them."""
        return [
            Route("/", self.root),
            Route("/sign-in", self.ask),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Route("/link/{sealed}", self.open_link),
        ]

    async def root(self, request: Request) -> Response:
        """Go to the workspaces, a customer to theirs; or to the door."""
        visit = await self._web.door.visitor(request)
        if visit.scope.app_id is None:
            return self._web.to(request, "workspaces")
        return self._web.to(request, "app", visit.scope.app_id, "webhooks")

    async def ask(self, request: Request) -> Response:
        """Show the door, or go on where somebody is signed in already."""
        try:
            await self._web.door.operator(request)
        except SignInNeeded:
            return await self._asked(request, 200)
        return self._onward(request, request.query_params.get("next", ""))

    async def sign_in(self, request: Request) -> Response:
        """Let an operator in who has an organisation's token."""
        fields = dict(await self._web.form(request, None))
        target = fields.get("next", "")
        try:
            visit = await self._web.door.operator_by_token(fields.get("token", "").strip())
        except Unauthenticated as error:
            return await self._asked(request, 422, str(error), target)
        response = self._onward(request, target)
        self._web.door.admit(request, response, visit)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session of whoever is here. A form from elsewhere can do no worse than that."""
        response = self._web.to(request, "sign-in")
        await self._web.door.dismiss(request, response)
        return response

    async def open_link(self, request: Request) -> Response:
        """Let a customer in, and go to where no link stands in the address."""
        try:
            visit = await self._visit(request.path_params["sealed"])
        except VisitEnded:
            return await self._closed(request, "This link has expired.")
        except Unauthenticated:
            return await self._closed(request, "This link does not work.")
        response = self._web.to(request, "app", visit.scope.app_id or "", "webhooks")
        self._web.door.admit(request, response, visit)
        return response

    async def _visit(self, sealed: str) -> Visit:
        visit = self._web.links.visit(sealed, now=self._web.services.clock())
        token_id = visit.scope.token_id
        if token_id is not None and await self._web.store.token_revoked(token_id):
            raise Unauthenticated("the link was revoked")
        return visit

    async def _asked(
        self, request: Request, status: int, fault: str = "", target: str | None = None
    ) -> Response:
        faults = {"token": sentence(fault)} if fault else {}
        if target is None:
            target = request.query_params.get("next", "")
        return await self._web.page(
            request, "sign_in.html", status=status, faults=faults, target=target
        )

    async def _closed(self, request: Request, words: str) -> Response:
        return await self._web.page(request, "link.html", status=401, words=words)

    def _onward(self, request: Request, target: str) -> Response:
        """Go to a page of the console, wherever a query asks to go."""
        inside = target if _TARGET.fullmatch(target) else "/workspaces"
        return RedirectResponse(base_of(request) + inside, 303)
