"""A webhook's log: what was delivered, what was not and why, and sending it again.

Knows the pages of the log. Must not know how a request is made.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from hookseal_sender.console.asking import LogQuery, moment_in, read_query
from hookseal_sender.console.telling import attempt_views, body_view, curl_of, plan_of
from hookseal_sender.console.webhooks import visible_event_types
from hookseal_sender.console.words import CODES, STATES
from hookseal_sender.errors import Conflict, NotFound
from hookseal_sender.model import DeliveryState
from hookseal_sender.store import AttemptFilter, DeliveryFilter, LogFilter, LogPage, PageRequest

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from hookseal_sender.console.web import Web
    from hookseal_sender.model import Application, Endpoint, Message
    from hookseal_sender.visits import Visit

__all__ = ["Logs"]

_LISTED = 50
_ATTEMPTS = 50
_REPLAYABLE = {
    "3600": "the last hour",
    "86400": "the last day",
    "604800": "the last 7 days",
}
_PRESELECTED = "604800"  # the default schedule alone takes more than a day
_STATE_OPTIONS = (("", "Any"), *((each.query, each.label) for each in STATES.values()))
_SAID = re.compile(r"replayed-[0-9]{1,9}|disabled|no-time", re.ASCII)
_NOTHING = LogPage(items=(), more_behind=None)


class Logs:
    """The routes, to be mounted at the console's root."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        """Return them."""
        here = "/app/{app_id}/webhooks/{endpoint_id}/logs"
        return [
            Route(here, self.list),
            Route(f"{here}/list", self.rows),
            Route(f"{here}/replay", self.replay_failed, methods=["POST"]),
            Route(f"{here}/{{msg_id}}", self.one),
            Route(f"{here}/{{msg_id}}/live", self.live),
            Route(f"{here}/{{msg_id}}/curl", self.curl),
            Route(f"{here}/{{msg_id}}/replay", self.replay, methods=["POST"]),
            Route(f"{here}/{{msg_id}}/cancel", self.cancel, methods=["POST"]),
        ]

    # --- the list ------------------------------------------------------------------------------

    async def list(self, request: Request) -> Response:
        """Show deliveries, newest first, as the query limits them."""
        return await self._listed(request, "logs.html")

    async def rows(self, request: Request) -> Response:
        """Return the list alone, for a page that is live."""
        return await self._listed(request, "_logs.html")

    async def _listed(self, request: Request, template: str) -> Response:
        visit, app, endpoint = await self._web.door.endpoint(request)
        query = read_query(request.query_params)
        found = _NOTHING if query.faults else await self._search(app, endpoint, query)
        values: dict[str, Any] = {}
        if template == "logs.html":
            event_types = await visible_event_types(self._web, visit)
            values["event_types"] = [each.name for each in event_types]
        return await self._web.page(
            request,
            template,
            visit=visit,
            app=app,
            endpoint=endpoint,
            query=query,
            found=found,
            plans=[plan_of(each, endpoint, self._web.settings) for each in found.items],
            state_options=_STATE_OPTIONS,
            codes=[name for name, _ in CODES],
            faults=query.faults,
            replayable=_REPLAYABLE,
            preselected=_PRESELECTED,
            said=_said(request),
            **values,
        )

    async def _search(self, app: Application, endpoint: Endpoint, query: LogQuery) -> LogPage:
        where = query.where
        if query.id:
            try:
                message = await self._web.store.message(app.id, query.id)
            except NotFound:
                return _NOTHING
            where = replace(where, msg_id=message.id)
        return await self._web.store.search_deliveries(
            app.id, endpoint.id, where, before=query.behind, limit=_LISTED
        )

    async def replay_failed(self, request: Request) -> Response:
        """Send all again whose last attempt was since a time and failed for good.

        The time is not the message's: what has used up its schedule was published long before.
        """
        visit, app, endpoint = await self._web.door.endpoint(request)
        given = dict(await self._web.form(request, visit))
        after_ms = self._since(given)
        if after_ms is None:
            return self._web.to_webhook(request, endpoint, "logs", query="?said=no-time")
        where = DeliveryFilter(states=(DeliveryState.FAILED,), attempted_after_ms=after_ms)
        try:
            count = await self._web.store.replay(app.id, endpoint.id, where)
        except Conflict:
            return self._web.to_webhook(request, endpoint, "logs", query="?said=disabled")
        return self._web.to_webhook(request, endpoint, "logs", query=f"?said=replayed-{count}")

    def _since(self, given: dict[str, str]) -> int | None:
        """Return the moment that was written, else the one that was chosen, None for neither."""
        written = given.get("moment", "").strip()
        if written:
            return moment_in(written)
        seconds = given.get("since", "")
        return self._web.now_ms - int(seconds) * 1000 if seconds in _REPLAYABLE else None

    # --- one delivery --------------------------------------------------------------------------

    async def one(self, request: Request) -> Response:
        """Show a delivery: why it failed, when it is tried next, and every attempt."""
        return await self._shown(request, "delivery.html")

    async def live(self, request: Request) -> Response:
        """Return what changes of it, for a page that is live."""
        return await self._shown(request, "_delivery.html")

    async def _shown(self, request: Request, template: str) -> Response:
        visit, app, endpoint, message = await self._message(request)
        store = self._web.store
        where = LogFilter(msg_id=message.id)
        log = await store.search_deliveries(app.id, endpoint.id, where, limit=1)
        if not log.items:
            raise NotFound("there is no such delivery")
        attempts = await store.attempts(
            app.id,
            PageRequest(limit=_ATTEMPTS, descending=True),
            AttemptFilter(msg_id=message.id, endpoint_id=endpoint.id),
        )
        whole = request.query_params.get("show") == "all"
        views = await run_in_threadpool(attempt_views, attempts.items, endpoint, message)
        return await self._web.page(
            request,
            template,
            visit=visit,
            app=app,
            endpoint=endpoint,
            message=message,
            delivery=log.items[0],
            plan=plan_of(log.items[0], endpoint, self._web.settings),
            attempts=views,
            all_attempts=attempts.done,
            body=await run_in_threadpool(body_view, message, whole=whole),
            said=request.query_params.get("said", ""),
        )

    async def curl(self, request: Request) -> Response:
        """Return a command that sends it again from a terminal, signed now."""
        _, _, endpoint, message = await self._message(request)
        if message.payload is None:
            raise NotFound("the payload was removed")
        command = await run_in_threadpool(
            curl_of, endpoint, message, message.payload, self._web.services.clock()
        )
        return PlainTextResponse(command + "\n")

    async def replay(self, request: Request) -> Response:
        """Send it again, now."""
        visit, app, endpoint, message = await self._message(request)
        await self._web.form(request, visit)
        said = "replayed"
        try:
            await self._web.store.resend(app.id, message.id, endpoint.id)
        except Conflict:
            said = "disabled" if endpoint.disabled else "busy"
        return self._web.to_webhook(request, endpoint, "logs", message.id, query=f"?said={said}")

    async def cancel(self, request: Request) -> Response:
        """End what is still to come."""
        visit, app, endpoint, message = await self._message(request)
        await self._web.form(request, visit)
        count = await self._web.store.cancel(app.id, message.id, endpoint.id)
        said = "cancelled" if count else "finished"
        return self._web.to_webhook(request, endpoint, "logs", message.id, query=f"?said={said}")

    async def _message(self, request: Request) -> tuple[Visit, Application, Endpoint, Message]:
        visit, app, endpoint = await self._web.door.endpoint(request)
        message = await self._web.store.message(app.id, request.path_params["msg_id"])
        return visit, app, endpoint, message


def _said(request: Request) -> str:
    """Return what the page that led here says was done, of what it can say."""
    said = request.query_params.get("said", "")
    return said if _SAID.fullmatch(said) else ""
