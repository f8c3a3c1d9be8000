"""Workspaces: the platform's customers, for its operators.

Knows the routes that list, make and change them, and let customers in. Must not know webhooks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.routing import Route

from hookseal_sender.api.fields import InputInvalid
from hookseal_sender.api.inputs import application_in, application_patch
from hookseal_sender.console.access import SignInNeeded
from hookseal_sender.console.inputs import faults_of
from hookseal_sender.console.web import Web
from hookseal_sender.errors import Conflict, Unauthenticated
from hookseal_sender.links import LINK_SECONDS, new_scope
from hookseal_sender.model import ENTERPRISE
from hookseal_sender.store import PageRequest

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from hookseal_sender.model import Application
    from hookseal_sender.visits import Visit

__all__ = ["Workspaces"]

_LISTED = 50
_HOURS = {"1": 3600, "24": 86_400, "168": LINK_SECONDS}
_IN_USE = "Another workspace has this uid."


class Workspaces:
    """The routes, to be mounted at the console's root."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        """Return them."""
        return [
            Route("/workspaces", self.list),
            Route("/workspaces", self.make, methods=["POST"]),
            Route("/app/{app_id}", self.one),
            Route("/app/{app_id}/plan", self.set_plan, methods=["POST"]),
            Route("/app/{app_id}/link", self.make_link, methods=["POST"]),
            Route("/app/{app_id}/link/revoke", self.revoke_link, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """Show the workspaces, newest first."""
        visit = await self._web.door.operator(request)
        return await self._listed(request, visit, 200)

    async def make(self, request: Request) -> Response:
        """Make a workspace, and go to it."""
        visit = await self._web.door.operator(request)
        given = dict(await self._web.form(request, visit))
        values: dict[str, object] = {
            name: given[name].strip() for name in ("name", "uid") if given.get(name, "").strip()
        }
        try:
            draft = application_in(values, self._web.services.default_plan)
            made = await self._web.store.create_application(visit.scope.org_id, draft)
        except InputInvalid as error:
            return await self._listed(request, visit, 422, faults_of(error), given)
        except Conflict:
            return await self._listed(request, visit, 422, {"uid": _IN_USE}, given)
        return self._web.to(request, "app", made.id, "webhooks")

    async def one(self, request: Request) -> Response:
        """Show a workspace: its plan, and how its people get in."""
        visit, app = await self._web.door.application(request)
        return await self._shown(request, visit, app)

    async def set_plan(self, request: Request) -> Response:
        """Move the workspace to another plan."""
        visit, app, given = await self._operators_form(request)
        plan = given.get("plan", "").strip()
        try:
            draft = application_in({"name": app.name, "plan": plan}, app.plan)
        except InputInvalid as error:
            faults = {"plan": next(iter(faults_of(error).values()))}
            return await self._shown(request, visit, app, status=422, faults=faults)
        await self._web.store.change_application(
            app.id, lambda current: replace(application_patch({}, current), plan=draft.plan)
        )
        return self._web.to(request, "app", app.id)

    async def make_link(self, request: Request) -> Response:
        """Make a magic link, and show it on the page that answers."""
        visit, app, given = await self._operators_form(request)
        if app.plan != ENTERPRISE:
            faults = {"hours": f"A link needs the plan {ENTERPRISE}."}
            return await self._shown(request, visit, app, status=422, faults=faults)
        seconds = _HOURS.get(given.get("hours", ""), LINK_SECONDS)
        expires = int(self._web.services.clock()) + seconds
        link = self._web.links.make(new_scope(app, self._web.now_ms), expires=expires)
        return await self._shown(request, visit, app, link=link, link_ends_ms=expires * 1000)

    async def revoke_link(self, request: Request) -> Response:
        """Take a magic link back, with every session that it began."""
        visit, app, given = await self._operators_form(request)
        try:
            scope = self._web.links.made_for(given.get("link", ""))
        except Unauthenticated:
            scope = None
        if scope is None or scope.app_id != app.id or scope.token_id is None:
            faults = {"link": "This is no link of this workspace. Paste all of it."}
            return await self._shown(request, visit, app, status=422, faults=faults)
        ends_ms = self._web.now_ms + LINK_SECONDS * 1000
        await self._web.store.revoke_token(scope.token_id, ends_ms)
        return await self._shown(request, visit, app, revoked=True)

    async def _operators_form(self, request: Request) -> tuple[Visit, Application, dict[str, str]]:
        visit, app = await self._web.door.application(request)
        if not visit.is_operators:
            raise SignInNeeded
        return visit, app, dict(await self._web.form(request, visit))

    async def _listed(
        self,
        request: Request,
        visit: Visit,
        status: int,
        faults: dict[str, str] | None = None,
        given: dict[str, str] | None = None,
    ) -> Response:
        behind = request.query_params.get("behind")
        page = await self._web.store.applications(
            visit.scope.org_id, PageRequest(limit=_LISTED, cursor=behind, descending=True)
        )
        return await self._web.page(
            request,
            "workspaces.html",
            visit=visit,
            status=status,
            apps=page.items,
            more_behind=None if page.done else page.items[-1].id,
            faults=faults or {},
            given=given or {},
        )

    async def _shown(
        self,
        request: Request,
        visit: Visit,
        app: Application,
        *,
        status: int = 200,
        faults: dict[str, str] | None = None,
        link: str = "",
        link_ends_ms: int = 0,
        revoked: bool = False,
    ) -> Response:
        return await self._web.page(
            request,
            "workspace.html",
            visit=visit,
            app=app,
            status=status,
            faults=faults or {},
            link=link,
            link_ends_ms=link_ends_ms,
            revoked=revoked,
        )
