"""Operations on event types.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.inputs import event_type_in, event_type_patch
from hookseal_sender.api.lists import PAGE_QUERY, list_out, page_request
from hookseal_sender.api.outputs import event_type_out
from hookseal_sender.api.parameters import EXPUNGE, INCLUDE_ARCHIVED, ORDER, WITH_SCHEMAS
from hookseal_sender.api.putting import put
from hookseal_sender.api.registry import Operation
from hookseal_sender.api.replies import NO_CONTENT, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from hookseal_sender.api.call import Call
    from hookseal_sender.api.replies import Reply
    from hookseal_sender.model import EventType, EventTypeDraft

__all__ = ["OPERATIONS"]

_TAG = "Event Type"
_PATH = "/event-type/{event_type_name}"


async def _list(call: Call) -> Reply:
    request = page_request(call, "")
    page = await call.store.event_types(call.scope, request, archived=call.query(INCLUDE_ARCHIVED))
    with_schemas = call.query(WITH_SCHEMAS)
    rendered = [event_type_out(item, with_schemas=with_schemas) for item in page.items]
    return json_reply(list_out(page, request, lambda item: item.name, rendered))


async def _create(call: Call) -> Reply:
    draft = event_type_in(call.body())
    made = await call.store.create_event_type(call.scope.org_id, draft)
    return json_reply(event_type_out(made), 201)


async def _get(call: Call) -> Reply:
    found = await call.store.event_type(call.scope, call.path["event_type_name"])
    return json_reply(event_type_out(found))


async def _update(call: Call) -> Reply:
    org_id, name = call.scope.org_id, call.path["event_type_name"]
    draft = event_type_in(call.body(), name=name)

    async def make() -> Reply:
        return json_reply(event_type_out(await call.store.create_event_type(org_id, draft)), 201)

    return await put(lambda: _change(call, lambda _current: draft), make)


async def _patch(call: Call) -> Reply:
    values = call.body()
    return await _change(call, lambda current: event_type_patch(values, current))


async def _change(call: Call, change: Callable[[EventType], EventTypeDraft]) -> Reply:
    name = call.path["event_type_name"]
    changed = await call.store.change_event_type(call.scope.org_id, name, change)
    return json_reply(event_type_out(changed))


async def _delete(call: Call) -> Reply:
    name = call.path["event_type_name"]
    await call.store.delete_event_type(call.scope.org_id, name, expunge=call.query(EXPUNGE))
    return NO_CONTENT


OPERATIONS = (
    Operation(
        id="v1.event-type.list",
        method="GET",
        path="/event-type",
        summary="List event types",
        tag=_TAG,
        handler=_list,
        query=(*PAGE_QUERY, ORDER, INCLUDE_ARCHIVED, WITH_SCHEMAS),
        replies={200: "ListResponse_EventTypeOut_"},
    ),
    Operation(
        id="v1.event-type.create",
        method="POST",
        path="/event-type",
        summary="Make an event type",
        description="An archived one of the same name comes back with what the body says.",
        tag=_TAG,
        handler=_create,
        body="EventTypeIn",
        replies={201: "EventTypeOut"},
        scope="organisation",
    ),
    Operation(
        id="v1.event-type.get",
        method="GET",
        path=_PATH,
        summary="Get an event type",
        tag=_TAG,
        handler=_get,
        replies={200: "EventTypeOut"},
    ),
    Operation(
        id="v1.event-type.update",
        method="PUT",
        path=_PATH,
        summary="Replace an event type, or make it",
        description="What the body leaves out gets its default.",
        tag=_TAG,
        handler=_update,
        body="EventTypeUpdate",
        replies={200: "EventTypeOut", 201: "EventTypeOut"},
        scope="organisation",
    ),
    Operation(
        id="v1.event-type.patch",
        method="PATCH",
        path=_PATH,
        summary="Change some of an event type",
        description="What the body leaves out stays.",
        tag=_TAG,
        handler=_patch,
        body="EventTypePatch",
        replies={200: "EventTypeOut"},
        scope="organisation",
    ),
    Operation(
        id="v1.event-type.delete",
        method="DELETE",
        path=_PATH,
        summary="Archive an event type, or remove it for good",
        tag=_TAG,
        handler=_delete,
        query=(EXPUNGE,),
        replies={204: None},
        scope="organisation",
    ),
)
