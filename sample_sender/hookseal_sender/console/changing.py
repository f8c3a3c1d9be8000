"""Changing a webhook: editing, enabling, deleting, a new secret, a test event.

Knows the forms of these and what each says before it acts. Must not know the list or the log.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.routing import Route

from hookseal_sender.api.endpoint_inputs import endpoint_patch
from hookseal_sender.api.examples import example_payload
from hookseal_sender.api.fields import InputInvalid
from hookseal_sender.api.replies import json_reply
from hookseal_sender.api.secrets import KINDS, kind_of, new_secret
from hookseal_sender.console.choosing import choice_of, chosen, groups_of
from hookseal_sender.console.inputs import FormFaults, draft_in, rotation_seconds
from hookseal_sender.console.once import Once
from hookseal_sender.console.webhooks import secret_page, visible_event_types
from hookseal_sender.model import MessageDraft

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from hookseal_sender.console.web import Fields, Web
    from hookseal_sender.model import Application, Endpoint
    from hookseal_sender.visits import Visit

__all__ = ["Changing"]


class Changing:
    """The routes, to be mounted at the console's root."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._once = Once(web)

    def routes(self) -> list[Route]:
        """Return them."""
        here = "/app/{app_id}/webhooks/{endpoint_id}"
        shown = {"edit": self.edit, "delete": self.ask_delete, "rotate": self.ask_rotate}
        done = {
            "edit": self.save,
            "enable": self.enable,
            "disable": self.disable,
            "delete": self.delete,
            "rotate": self.rotate,
            "test": self.test,
        }
        return [
            *(Route(f"{here}/{path}", page) for path, page in shown.items()),
            *(Route(f"{here}/{path}", act, methods=["POST"]) for path, act in done.items()),
        ]

    # --- settings ------------------------------------------------------------------------------

    async def edit(self, request: Request) -> Response:
        """Show the form with what is set."""
        visit, app, endpoint = await self._web.door.endpoint(request)
        given = {
            "name": endpoint.name,
            "url": endpoint.url,
            "description": endpoint.description,
            "throttle": str(endpoint.throttle_rate or ""),
            "timeout": "" if endpoint.timeout is None else f"{endpoint.timeout:g}",
        }
        return await self._asked(request, visit, app, endpoint, given, endpoint.event_types)

    async def save(self, request: Request) -> Response:
        """Keep what the form says."""
        visit, app, endpoint = await self._web.door.endpoint(request)
        fields = await self._web.form(request, visit)
        try:
            saved = await self._web.store.change_endpoint(
                app.id, endpoint.id, lambda current: draft_in(fields, self._web.services, current)
            )
        except FormFaults as error:
            given = dict(fields)
            return await self._asked(
                request, visit, app, endpoint, given, chosen(fields), faults=error.faults
            )
        await self._web.services.follow(endpoint, saved)
        return self._web.to_webhook(request, endpoint, query="?said=saved")

    async def _asked(
        self,
        request: Request,
        visit: Visit,
        app: Application,
        endpoint: Endpoint,
        given: dict[str, str],
        event_types: tuple[str, ...] | list[str] | None,
        *,
        faults: dict[str, str] | None = None,
    ) -> Response:
        groups = groups_of(await visible_event_types(self._web, visit))
        return await self._web.page(
            request,
            "edit.html",
            visit=visit,
            app=app,
            endpoint=endpoint,
            status=422 if faults else 200,
            given=given,
            faults=faults or {},
            groups=groups,
            choice=choice_of(event_types, groups),
        )

    async def enable(self, request: Request) -> Response:
        """Enable it: what is held for it is sent."""
        return await self._set_disabled(request, disabled=False)

    async def disable(self, request: Request) -> Response:
        """Disable it: what comes for it is held."""
        return await self._set_disabled(request, disabled=True)

    async def _set_disabled(self, request: Request, *, disabled: bool) -> Response:
        visit, app, endpoint = await self._web.door.endpoint(request)
        await self._web.form(request, visit)
        values = {"disabled": disabled}
        await self._web.store.change_endpoint(
            app.id,
            endpoint.id,
            lambda current: endpoint_patch(values, current, self._web.services),
        )
        said = "disabled" if disabled else "enabled"
        return self._web.to_webhook(request, endpoint, query=f"?said={said}")

    # --- deleting ------------------------------------------------------------------------------

    async def ask_delete(self, request: Request) -> Response:
        """Show what deleting it will do."""
        visit, app, endpoint = await self._web.door.endpoint(request)
        pending = await self._web.store.pending(app.id, endpoint.id)
        return await self._web.page(
            request, "delete.html", visit=visit, app=app, endpoint=endpoint, pending=pending
        )

    async def delete(self, request: Request) -> Response:
        """Delete it."""
        visit, app, endpoint = await self._web.door.endpoint(request)
        await self._web.form(request, visit)
        await self._web.store.delete_endpoint(app.id, endpoint.id)
        await self._web.services.follow(endpoint, None)
        app_id = request.path_params["app_id"]
        return self._web.to(request, "app", app_id, "webhooks", query="?said=deleted")

    # --- the secret ----------------------------------------------------------------------------

    async def ask_rotate(self, request: Request) -> Response:
        """Show what a new secret will do."""
        visit, app, endpoint = await self._web.door.endpoint(request)
        return await self._web.page(
            request,
            "rotate.html",
            visit=visit,
            app=app,
            endpoint=endpoint,
            once=self._once.new(),
        )

    async def rotate(self, request: Request) -> Response:
        """Make a new secret and show it once; the one before goes on for as long as was chosen."""
        visit, app, endpoint = await self._web.door.endpoint(request)
        fields = await self._web.form(request, visit)
        overlap = rotation_seconds(dict(fields).get("overlap", ""))
        rotated, _ = await self._once.do(
            self._once.key_of(request, visit, fields),
            lambda: self._rotate(endpoint, overlap),
        )
        if rotated is None:
            return self._web.to_webhook(request, endpoint, query="?said=rotated-before")
        return await secret_page(
            self._web, request, visit, app, rotated, is_new=False, overlap=overlap
        )

    async def _rotate(self, endpoint: Endpoint, overlap: int) -> Endpoint:
        secret = new_secret(kind_of(endpoint.secret) if endpoint.secrets else KINDS[0])
        secrets = await self._web.store.rotate_secret(
            endpoint.app_id, endpoint.id, secret, overlap=overlap
        )
        rotated = replace(endpoint, secrets=tuple(secrets))
        await self._web.services.follow(endpoint, rotated)
        return rotated

    # --- a test event --------------------------------------------------------------------------

    async def test(self, request: Request) -> Response:
        """Send an example of an event, and go to its delivery."""
        visit, app, endpoint = await self._web.door.endpoint(request)
        fields: Fields = await self._web.form(request, visit)
        name = dict(fields).get("event", "")
        try:
            payload = await example_payload(self._web.store, visit.scope, name)
        except InputInvalid:
            return self._web.to_webhook(request, endpoint, query="?said=no-example")
        draft = MessageDraft(event_type=name, payload=json_reply(payload).body)
        message = await self._web.store.publish_to(app.id, endpoint.id, draft)
        self._web.services.observer.published(1)
        return self._web.to_webhook(request, endpoint, "logs", message.id)
