"""Operations on attempts: what was sent and what came back.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.lists import MESSAGE_QUERY, list_out, page_request
from hookseal_sender.api.outputs import attempt_out
from hookseal_sender.api.parameters import (
    AFTER,
    BEFORE,
    CHANNEL,
    ENDPOINT_ID,
    EVENT_TYPES,
    STATUS,
    STATUS_CODE_CLASS,
    WITH_CONTENT,
)
from hookseal_sender.api.registry import Operation
from hookseal_sender.api.replies import NO_CONTENT, json_reply
from hookseal_sender.store import AttemptFilter, Page

if TYPE_CHECKING:
    from hookseal_sender.api.call import Call
    from hookseal_sender.api.replies import Reply
    from hookseal_sender.model import Attempt

__all__ = ["OPERATIONS"]

_TAG = "Message Attempt"
_ATTEMPT = "/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}"
_QUERY = (*MESSAGE_QUERY, STATUS, STATUS_CODE_CLASS, WITH_CONTENT)
_SUCCESS, _FAIL = 0, 2


async def _by_endpoint(call: Call) -> Reply:
    endpoint = await call.endpoint()
    return await _list(call, endpoint.app_id, endpoint_id=endpoint.id)


async def _by_message(call: Call) -> Reply:
    app_id = (await call.tenant()).id
    message = await call.store.message(app_id, call.path["msg_id"])
    key = call.query(ENDPOINT_ID)
    wanted = None if key is None else (await call.store.endpoint(app_id, key)).id
    return await _list(call, app_id, msg_id=message.id, endpoint_id=wanted)


async def _list(
    call: Call, app_id: str, *, msg_id: str | None = None, endpoint_id: str | None = None
) -> Reply:
    status = call.query(STATUS)
    where = AttemptFilter(
        event_types=call.query(EVENT_TYPES),
        channel=call.query(CHANNEL),
        before_ms=call.query(BEFORE),
        after_ms=call.query(AFTER),
        msg_id=msg_id,
        endpoint_id=endpoint_id,
        succeeded=None if status is None else status == _SUCCESS,
        status_class=call.query(STATUS_CODE_CLASS),
    )
    request = page_request(call, "atmpt_", newest_first=True)
    page: Page[Attempt] = Page(items=(), done=True)
    if status in {None, _SUCCESS, _FAIL}:  # an attempt is logged when it is over
        page = await call.store.attempts(app_id, request, where)
    with_content = call.query(WITH_CONTENT)
    rendered = [attempt_out(item, with_content=with_content) for item in page.items]
    return json_reply(list_out(page, request, lambda item: item.id, rendered))


async def _get(call: Call) -> Reply:
    return json_reply(attempt_out(await _attempt(call), with_content=True))


async def _expunge(call: Call) -> Reply:
    app_id, found = (await call.tenant()).id, await _attempt(call)
    await call.store.expunge_attempt(app_id, found.msg_id, found.id)
    return NO_CONTENT


async def _attempt(call: Call) -> Attempt:
    app_id = (await call.tenant()).id
    message = await call.store.message(app_id, call.path["msg_id"])
    return await call.store.attempt(app_id, message.id, call.path["attempt_id"])


OPERATIONS = (
    Operation(
        id="v1.message-attempt.list-by-endpoint",
        method="GET",
        path="/app/{app_id}/attempt/endpoint/{endpoint_id}",
        summary="List an endpoint's attempts, newest first",
        tag=_TAG,
        handler=_by_endpoint,
        query=_QUERY,
        replies={200: "ListResponse_MessageAttemptOut_"},
    ),
    Operation(
        id="v1.message-attempt.list-by-msg",
        method="GET",
        path="/app/{app_id}/attempt/msg/{msg_id}",
        summary="List a message's attempts, newest first",
        tag=_TAG,
        handler=_by_message,
        query=(*_QUERY, ENDPOINT_ID),
        replies={200: "ListResponse_MessageAttemptOut_"},
    ),
    Operation(
        id="v1.message-attempt.get",
        method="GET",
        path=_ATTEMPT,
        summary="Get an attempt",
        tag=_TAG,
        handler=_get,
        replies={200: "MessageAttemptOut"},
    ),
    Operation(
        id="v1.message-attempt.expunge-content",
        method="DELETE",
        path=f"{_ATTEMPT}/content",
        summary="Remove the answer that an attempt got",
        tag=_TAG,
        handler=_expunge,
        replies={204: None},
        scope="organisation",
    ),
)
