"""A workspace's webhooks: the list, making one, and the page of each.

Knows what these pages show. Must not know how an endpoint is changed, or its log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from hookseal_receiver.play import TooManyBins
from hookseal_sender.api.examples import PING
from hookseal_sender.api.secrets import kind_of, new_secret, public_key
from hookseal_sender.console.charts import Day, day_of
from hookseal_sender.console.choosing import Choice, choice_of, chosen, groups_of
from hookseal_sender.console.inputs import FormFaults, draft_in
from hookseal_sender.console.once import Once
from hookseal_sender.console.snippets import snippets
from hookseal_sender.console.web import Fields, Web
from hookseal_sender.console.words import DISABLED
from hookseal_sender.store import LogFilter, PageRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from hookseal_sender.console.playing import Playing
    from hookseal_sender.model import Application, Endpoint, EndpointDraft, EventType
    from hookseal_sender.visits import Visit

__all__ = ["Webhooks", "secret_page", "visible_event_types"]

_DAY_MS = 86_400_000
_LISTED = 100
_EVENT_TYPES = 1000
_RECENT = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """A line of the list."""

    endpoint: Endpoint
    day: Day


class Webhooks:
    """The routes, to be mounted at the console's root."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._once = Once(web)

    def routes(self) -> list[Route]:
        """Return them."""
        here = "/app/{app_id}/webhooks"
        return [
            Route(here, self.list),
            Route(f"{here}/list", self.rows),
            Route(f"{here}/new", self.new),
            Route(f"{here}/new", self.make, methods=["POST"]),
            Route(f"{here}/{{endpoint_id}}", self.one),
            Route(f"{here}/{{endpoint_id}}/live", self.live),
        ]

    # --- the list ------------------------------------------------------------------------------

    async def list(self, request: Request) -> Response:
        """Show every webhook with its state and its last day."""
        visit, app = await self._web.door.tenant(request)
        return await self._listed(request, "webhooks.html", visit, app)

    async def rows(self, request: Request) -> Response:
        """Return the list alone, for a page that is live."""
        visit, app = await self._web.door.tenant(request)
        return await self._listed(request, "_webhooks.html", visit, app)

    async def _listed(
        self, request: Request, template: str, visit: Visit, app: Application
    ) -> Response:
        behind = request.query_params.get("behind")
        page = await self._web.store.endpoints(
            app.id, PageRequest(limit=_LISTED, cursor=behind, descending=True)
        )
        now = self._web.now_ms
        tallies = await self._web.store.tallies(app.id, after_ms=now - _DAY_MS)
        rows = [
            _Row(endpoint=each, day=day_of(tallies.get(each.id, ()), now)) for each in page.items
        ]
        return await self._web.page(
            request,
            template,
            visit=visit,
            app=app,
            rows=rows,
            behind=behind or "",
            said=request.query_params.get("said", ""),
            more_behind=None if page.done else page.items[-1].id,
        )

    # --- a new one -----------------------------------------------------------------------------

    async def new(self, request: Request) -> Response:
        """Show the form."""
        visit, app = await self._web.door.tenant(request)
        return await self._asked(request, visit, app, [], status=200)

    async def make(self, request: Request) -> Response:
        """Make a webhook and show its secret once; or fill in the URL of a new inspector."""
        visit, app = await self._web.door.tenant(request)
        fields = await self._web.form(request, visit)
        if ("do", "play") in fields and self._web.playing is not None:
            return await self._with_inspector(request, visit, app, fields, self._web.playing)
        try:
            draft = draft_in(fields, self._web.services)
        except FormFaults as error:
            return await self._asked(request, visit, app, fields, status=422, faults=error.faults)
        made, made_id = await self._once.do(
            self._once.key_of(request, visit, fields),
            lambda: self._create(app, draft, fields),
        )
        if made is None:
            app_id = request.path_params["app_id"]
            said = "?said=made-before"
            return self._web.to(request, "app", app_id, "webhooks", made_id, query=said)
        return await secret_page(self._web, request, visit, app, made, is_new=True)

    async def _create(self, app: Application, draft: EndpointDraft, fields: Fields) -> Endpoint:
        kind = "v1a" if dict(fields).get("signing") == "v1a" else "v1"
        made = await self._web.store.create_endpoint(app.id, draft, new_secret(kind))
        await self._web.services.follow(None, made)
        return made

    async def _with_inspector(
        self, request: Request, visit: Visit, app: Application, fields: Fields, playing: Playing
    ) -> Response:
        typed = dict(fields).get("url", "").strip()
        try:
            url = await playing.make(app, typed)
        except TooManyBins as error:
            faults = {"url": str(error)}
            return await self._asked(request, visit, app, fields, status=422, faults=faults)
        given = [(name, value) for name, value in fields if name != "url"]
        return await self._asked(
            request,
            visit,
            app,
            [*given, ("url", url)],
            status=200,
            in_play=True,
            replaced="" if typed == url else typed,
        )

    async def _asked(
        self,
        request: Request,
        visit: Visit,
        app: Application,
        fields: Fields,
        *,
        status: int,
        faults: dict[str, str] | None = None,
        in_play: bool = False,
        replaced: str = "",
    ) -> Response:
        groups = groups_of(await visible_event_types(self._web, visit))
        choice = Choice(everything=True)
        if fields:
            choice = choice_of(chosen(fields), groups)
        return await self._web.page(
            request,
            "new.html",
            visit=visit,
            app=app,
            status=status,
            given=dict(fields),
            faults=faults or {},
            groups=groups,
            choice=choice,
            in_play=in_play,
            replaced=replaced,
            once=dict(fields).get("once") or self._once.new(),
        )

    # --- one of them ---------------------------------------------------------------------------

    async def one(self, request: Request) -> Response:
        """Show a webhook: how it does, what it gets, and what can be done with it."""
        visit, app, endpoint = await self._web.door.endpoint(request)
        event_types = await visible_event_types(self._web, visit)
        examples = [PING, *(each.name for each in event_types if each.schemas)]
        return await self._shown(
            request,
            "webhook.html",
            visit,
            app,
            endpoint,
            examples=[(each, each) for each in examples],
            public_key=public_key(endpoint.secret) if endpoint.secrets else None,
        )

    async def live(self, request: Request) -> Response:
        """Return what changes of it, for a page that is live."""
        visit, app, endpoint = await self._web.door.endpoint(request)
        return await self._shown(request, "_webhook.html", visit, app, endpoint)

    async def _shown(
        self,
        request: Request,
        template: str,
        visit: Visit,
        app: Application,
        endpoint: Endpoint,
        **values: Any,
    ) -> Response:
        now = self._web.now_ms
        tallies = await self._web.store.tallies(
            app.id, after_ms=now - _DAY_MS, endpoint_id=endpoint.id
        )
        recent = await self._web.store.search_deliveries(
            app.id, endpoint.id, LogFilter(), limit=_RECENT
        )
        play_url, gone = None, False
        if self._web.playing is not None:
            play_url = await self._web.playing.view_url(endpoint)
            gone = play_url is None and await self._web.playing.is_gone(endpoint)
        return await self._web.page(
            request,
            template,
            visit=visit,
            app=app,
            endpoint=endpoint,
            day=day_of(tallies.get(endpoint.id, ()), now),
            recent=recent.items,
            why_disabled=None if endpoint.disabled_for is None else DISABLED[endpoint.disabled_for],
            play_url=play_url,
            inspector_gone=gone,
            said=request.query_params.get("said", ""),
            **values,
        )


async def visible_event_types(web: Web, visit: Visit) -> Sequence[EventType]:
    """Return the organisation's event types that the visitor may know of."""
    page = await web.store.event_types(visit.scope, PageRequest(limit=_EVENT_TYPES), archived=False)
    return page.items


async def secret_page(
    web: Web,
    request: Request,
    visit: Visit,
    app: Application,
    endpoint: Endpoint,
    *,
    is_new: bool,
    **values: Any,
) -> Response:
    """Return the page that shows an endpoint's newest secret, this once."""
    secret = endpoint.secret
    shown = public_key(secret) or secret
    return await web.page(
        request,
        "secret.html",
        visit=visit,
        app=app,
        endpoint=endpoint,
        secret=shown,
        is_public=shown != secret,
        is_new=is_new,
        snippets=snippets(kind_of(secret)),
        play_url=None if web.playing is None else await web.playing.view_url(endpoint),
        **values,
    )
