"""Operations on applications.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.inputs import application_in, application_patch
from hookseal_sender.api.lists import PAGE_QUERY, list_out, page_request
from hookseal_sender.api.outputs import application_out
from hookseal_sender.api.parameters import GET_IF_EXISTS, ORDER
from hookseal_sender.api.putting import put
from hookseal_sender.api.registry import Operation
from hookseal_sender.api.replies import NO_CONTENT, json_reply
from hookseal_sender.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Callable

    from hookseal_sender.api.call import Call
    from hookseal_sender.api.replies import Reply
    from hookseal_sender.model import Application, ApplicationDraft

__all__ = ["OPERATIONS"]

_TAG = "Application"


async def _create(call: Call) -> Reply:
    draft = application_in(call.body(), call.services.default_plan)
    try:
        made = await call.store.create_application(call.scope.org_id, draft)
    except Conflict:
        if draft.uid is None or not call.query(GET_IF_EXISTS):
            raise
        return json_reply(application_out(await call.store.application(call.scope, draft.uid)))
    return json_reply(application_out(made), 201)


async def _list(call: Call) -> Reply:
    request = page_request(call, "app_")
    page = await call.store.applications(call.scope.org_id, request)
    rendered = [application_out(item) for item in page.items]
    return json_reply(list_out(page, request, lambda item: item.id, rendered))


async def _get(call: Call) -> Reply:
    return json_reply(application_out(await call.application()))


async def _update(call: Call) -> Reply:
    key, values = call.path["app_id"], call.body()

    async def make() -> Reply:
        draft = application_in(values, call.services.default_plan, uid=key)
        made = await call.store.create_application(call.scope.org_id, draft)
        return json_reply(application_out(made), 201)

    return await put(
        lambda: _change(
            call, lambda current: application_in(values, current.plan, uid=current.uid)
        ),
        make,
        may_make=not key.startswith("app_"),
        named_otherwise=values.get("uid") not in (None, key),
    )


async def _patch(call: Call) -> Reply:
    values = call.body()
    return await _change(call, lambda current: application_patch(values, current))


async def _change(call: Call, change: Callable[[Application], ApplicationDraft]) -> Reply:
    app_id = (await call.application()).id
    return json_reply(application_out(await call.store.change_application(app_id, change)))


async def _delete(call: Call) -> Reply:
    await call.store.delete_application((await call.application()).id)
    return NO_CONTENT


OPERATIONS = (
    Operation(
        id="v1.application.list",
        method="GET",
        path="/app",
        summary="List applications",
        tag=_TAG,
        handler=_list,
        query=(*PAGE_QUERY, ORDER),
        replies={200: "ListResponse_ApplicationOut_"},
        scope="organisation",
    ),
    Operation(
        id="v1.application.create",
        method="POST",
        path="/app",
        summary="Make an application",
        description="With `get_if_exists`, an application that has the `uid` already is returned "
        "as it is, with status 200.",
        tag=_TAG,
        handler=_create,
        query=(GET_IF_EXISTS,),
        body="ApplicationIn",
        replies={200: "ApplicationOut", 201: "ApplicationOut"},
        scope="organisation",
    ),
    Operation(
        id="v1.application.get",
        method="GET",
        path="/app/{app_id}",
        summary="Get an application",
        tag=_TAG,
        handler=_get,
        replies={200: "ApplicationOut"},
    ),
    Operation(
        id="v1.application.update",
        method="PUT",
        path="/app/{app_id}",
        summary="Replace an application, or make it",
        description="A `uid` in the path that no application has makes one. What the body leaves "
        "out gets its default; the `uid` and the `plan` stay.",
        tag=_TAG,
        handler=_update,
        body="ApplicationIn",
        replies={200: "ApplicationOut", 201: "ApplicationOut"},
        scope="organisation",
    ),
    Operation(
        id="v1.application.patch",
        method="PATCH",
        path="/app/{app_id}",
        summary="Change some of an application",
        description="What the body leaves out stays.",
        tag=_TAG,
        handler=_patch,
        body="ApplicationPatch",
        replies={200: "ApplicationOut"},
        scope="organisation",
    ),
    Operation(
        id="v1.application.delete",
        method="DELETE",
        path="/app/{app_id}",
        summary="Delete an application",
        description="Its endpoints go with it, and what was not delivered yet is cancelled.",
        tag=_TAG,
        handler=_delete,
        replies={204: None},
        scope="organisation",
    ),
)
