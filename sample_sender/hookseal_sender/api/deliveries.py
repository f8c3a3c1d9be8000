"""Operations on deliveries: where they stand, and asking for them anew.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from hookseal_sender.api.delivery_inputs import recover_in, replay_in, resume_in
from hookseal_sender.api.lists import (
    MESSAGE_QUERY,
    PAGE_QUERY,
    delivery_id,
    list_out,
    page_request,
)
from hookseal_sender.api.outputs import delivery_out, endpoint_message_out, message_endpoint_out
from hookseal_sender.api.parameters import (
    AFTER,
    BEFORE,
    CHANNEL,
    ENDPOINT_ID,
    EVENT_TYPES,
    EXPANDED_STATUSES,
    MSG_ID,
    STATE,
    STATUS,
    STATUS_CODE,
    WITH_CONTENT,
)
from hookseal_sender.api.registry import Operation
from hookseal_sender.api.replies import json_reply
from hookseal_sender.api.times import time_text
from hookseal_sender.errors import NotFound
from hookseal_sender.ids import fresh_id
from hookseal_sender.model import DeliveryState
from hookseal_sender.store import DeliveryFilter

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from hookseal_sender.api.call import Call
    from hookseal_sender.api.replies import Reply

__all__ = ["OPERATIONS"]

ValueT = TypeVar("ValueT")

_ENDPOINT = "/app/{app_id}/endpoint/{endpoint_id}"
_MESSAGE = "/app/{app_id}/msg/{msg_id}"
_PENDING = (DeliveryState.READY, DeliveryState.WAITING, DeliveryState.HELD)
_STATES_OF_STATUS = {
    0: (DeliveryState.SUCCEEDED,),
    1: _PENDING,
    2: (DeliveryState.FAILED, DeliveryState.CANCELLED),
    3: (DeliveryState.SENDING,),
    4: (DeliveryState.CANCELLED,),
}
_FAIL = 2


async def _list(call: Call) -> Reply:
    app_id = (await call.tenant()).id
    endpoint, message = call.query(ENDPOINT_ID), call.query(MSG_ID)
    state = call.query(STATE)
    where = _filter(
        call,
        states=None if state is None else (DeliveryState[state.upper()],),
        endpoint_id=None if endpoint is None else (await call.store.endpoint(app_id, endpoint)).id,
        msg_id=None if message is None else (await call.store.message(app_id, message)).id,
        last_status=call.query(STATUS_CODE),
    )
    return await _listed(call, app_id, where)


async def _held(call: Call) -> Reply:
    endpoint = await call.endpoint()
    where = _filter(call, states=(DeliveryState.HELD,), endpoint_id=endpoint.id)
    return await _listed(call, endpoint.app_id, where)


async def _listed(call: Call, app_id: str, where: DeliveryFilter) -> Reply:
    request = page_request(call, "msg_", newest_first=True)
    page = await call.store.deliveries(app_id, request, where)
    rendered = [delivery_out(item) for item in page.items]
    return json_reply(list_out(page, request, delivery_id, rendered))


async def _attempted_messages(call: Call) -> Reply:
    endpoint = await call.endpoint()
    expanded = call.query(EXPANDED_STATUSES)
    where = _filter(
        call, states=_states(call.query(STATUS), expanded=expanded), endpoint_id=endpoint.id
    )
    request = page_request(call, "msg_", newest_first=True)
    page = await call.store.deliveries(endpoint.app_id, request, where)
    messages = await asyncio.gather(
        *(_if_any(call.store.message(endpoint.app_id, item.msg_id)) for item in page.items)
    )
    with_content = call.query(WITH_CONTENT)
    rendered = [
        endpoint_message_out(item, message, with_content=with_content, expanded=expanded)
        for item, message in zip(page.items, messages, strict=True)
        if message is not None
    ]
    return json_reply(list_out(page, request, delivery_id, rendered))


async def _destinations(call: Call) -> Reply:
    message = await call.store.message((await call.tenant()).id, call.path["msg_id"])
    request = page_request(call, "msg_")
    page = await call.store.deliveries(message.app_id, request, DeliveryFilter(msg_id=message.id))
    endpoints = await asyncio.gather(
        *(_if_any(call.store.endpoint(message.app_id, item.endpoint_id)) for item in page.items)
    )
    expanded = call.query(EXPANDED_STATUSES)
    rendered = [
        message_endpoint_out(item, endpoint, expanded=expanded)
        for item, endpoint in zip(page.items, endpoints, strict=True)
        if endpoint is not None
    ]
    return json_reply(list_out(page, request, delivery_id, rendered))


def _states(status: int | None, *, expanded: bool) -> tuple[DeliveryState, ...] | None:
    if status is None:
        return None
    return (DeliveryState.FAILED,) if expanded and status == _FAIL else _STATES_OF_STATUS[status]


async def _if_any(found: Awaitable[ValueT]) -> ValueT | None:
    """Return what is there still: between two reads an endpoint may be deleted."""
    try:
        return await found
    except NotFound:
        return None


def _filter(
    call: Call,
    *,
    states: tuple[DeliveryState, ...] | None,
    endpoint_id: str | None = None,
    msg_id: str | None = None,
    last_status: int | None = None,
) -> DeliveryFilter:
    return DeliveryFilter(
        event_types=call.query(EVENT_TYPES),
        channel=call.query(CHANNEL),
        before_ms=call.query(BEFORE),
        after_ms=call.query(AFTER),
        states=states,
        endpoint_id=endpoint_id,
        msg_id=msg_id,
        last_status=last_status,
    )


async def _resend(call: Call) -> Reply:
    endpoint = await call.endpoint()
    message = await call.store.message(endpoint.app_id, call.path["msg_id"])
    await call.store.resend(endpoint.app_id, message.id, endpoint.id)
    return json_reply({}, 202)


async def _recover(call: Call) -> Reply:
    endpoint = await call.endpoint()
    where = recover_in(call.body())
    await call.store.replay(endpoint.app_id, endpoint.id, where)
    task = {
        "id": fresh_id("qtask_", call.now_ms),
        "status": "finished",
        "task": "endpoint.recover",
        "updatedAt": time_text(call.now_ms),
    }
    return json_reply(task, 202)


async def _replay(call: Call) -> Reply:
    endpoint = await call.endpoint()
    where = replay_in(call.body())
    count = await call.store.replay(endpoint.app_id, endpoint.id, where)
    return json_reply({"deliveries": count})


async def _resume(call: Call) -> Reply:
    endpoint = await call.endpoint()
    since_ms = resume_in(call.optional_body())
    count = await call.store.resume(endpoint.app_id, endpoint.id, after_ms=since_ms)
    return json_reply({"deliveries": count})


async def _cancel_message(call: Call) -> Reply:
    message = await call.store.message((await call.tenant()).id, call.path["msg_id"])
    return json_reply({"deliveries": await call.store.cancel(message.app_id, message.id)})


async def _cancel(call: Call) -> Reply:
    endpoint = await call.endpoint()
    message = await call.store.message(endpoint.app_id, call.path["msg_id"])
    count = await call.store.cancel(endpoint.app_id, message.id, endpoint.id)
    return json_reply({"deliveries": count})


OPERATIONS = (
    Operation(
        id="v1.message-attempt.list-attempted-messages",
        method="GET",
        path=f"{_ENDPOINT}/msg",
        summary="List an endpoint's messages, newest first",
        description="Each with where it stands with the endpoint.",
        tag="Message Attempt",
        handler=_attempted_messages,
        query=(*MESSAGE_QUERY, STATUS, EXPANDED_STATUSES, WITH_CONTENT),
        replies={200: "ListResponse_EndpointMessageOut_"},
    ),
    Operation(
        id="v1.message-attempt.list-attempted-destinations",
        method="GET",
        path=f"{_MESSAGE}/endpoint",
        summary="List the endpoints that a message goes to",
        description="Each with where the message stands with it.",
        tag="Message Attempt",
        handler=_destinations,
        query=(*PAGE_QUERY, EXPANDED_STATUSES),
        replies={200: "ListResponse_MessageEndpointOut_"},
    ),
    Operation(
        id="v1.message-attempt.resend",
        method="POST",
        path=f"{_MESSAGE}/endpoint/{{endpoint_id}}/resend",
        summary="Send a message to an endpoint again",
        description="Now, whatever the endpoint's filters, with a fresh retry schedule.",
        tag="Message Attempt",
        handler=_resend,
        replies={202: "EmptyResponse"},
    ),
    Operation(
        id="v1.endpoint.recover",
        method="POST",
        path=f"{_ENDPOINT}/recover",
        summary="Send everything again that failed",
        description="All messages of a time that failed for good; when this answers, they are due.",
        tag="Endpoint",
        handler=_recover,
        body="RecoverIn",
        replies={202: "RecoverOut"},
    ),
    Operation(
        id="v1.delivery.list",
        method="GET",
        path="/app/{app_id}/delivery",
        summary="List deliveries, newest message first",
        tag="Delivery",
        handler=_list,
        query=(*MESSAGE_QUERY, STATE, ENDPOINT_ID, MSG_ID, STATUS_CODE),
        replies={200: "ListResponse_DeliveryOut_"},
    ),
    Operation(
        id="v1.delivery.list-held",
        method="GET",
        path=f"{_ENDPOINT}/held",
        summary="List the deliveries held for an endpoint",
        description="They wait while it is disabled, newest message first.",
        tag="Delivery",
        handler=_held,
        query=MESSAGE_QUERY,
        replies={200: "ListResponse_DeliveryOut_"},
    ),
    Operation(
        id="v1.delivery.resume",
        method="POST",
        path=f"{_ENDPOINT}/resume",
        summary="Enable an endpoint and send what is held for it",
        description="With `since`, what was published before is cancelled instead.",
        tag="Delivery",
        handler=_resume,
        body="ResumeIn",
        body_required=False,
        replies={200: "ResumeOut"},
    ),
    Operation(
        id="v1.delivery.replay",
        method="POST",
        path=f"{_ENDPOINT}/replay",
        summary="Send a selection of an endpoint's messages again",
        description="By state, by the last answer, by event type and by time. What is under way, "
        "and what has lost its payload, is left alone.",
        tag="Delivery",
        handler=_replay,
        body="ReplayIn",
        replies={200: "ReplayOut"},
    ),
    Operation(
        id="v1.delivery.cancel-message",
        method="POST",
        path=f"{_MESSAGE}/cancel",
        summary="Cancel what is not delivered of a message",
        description="An attempt under way is not recorded.",
        tag="Delivery",
        handler=_cancel_message,
        replies={200: "CancelOut"},
    ),
    Operation(
        id="v1.delivery.cancel",
        method="POST",
        path=f"{_MESSAGE}/endpoint/{{endpoint_id}}/cancel",
        summary="Cancel the delivery of a message to an endpoint",
        description="An attempt under way is not recorded.",
        tag="Delivery",
        handler=_cancel,
        replies={200: "CancelOut"},
    ),
)
