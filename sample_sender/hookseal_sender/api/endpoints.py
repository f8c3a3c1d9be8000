"""Operations on endpoints: their settings and their life.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.endpoint_inputs import endpoint_in, endpoint_patch, headers_in, secret_in
from hookseal_sender.api.fields import InputInvalid, fault
from hookseal_sender.api.lists import PAGE_QUERY, list_out, page_request
from hookseal_sender.api.outputs import endpoint_out, stats_out
from hookseal_sender.api.parameters import ORDER, SINCE, UNTIL
from hookseal_sender.api.putting import put
from hookseal_sender.api.registry import Operation
from hookseal_sender.api.replies import NO_CONTENT, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from hookseal_sender.api.call import Call
    from hookseal_sender.api.replies import Reply
    from hookseal_sender.model import Endpoint, EndpointDraft

__all__ = ["OPERATIONS"]

_TAG = "Endpoint"
_PATH = "/app/{app_id}/endpoint/{endpoint_id}"
_STATS_WINDOW_MS = 28 * 86400 * 1000


async def _create(call: Call) -> Reply:
    return await _make(call, (await call.tenant()).id)


async def _list(call: Call) -> Reply:
    request = page_request(call, "ep_")
    page = await call.store.endpoints((await call.tenant()).id, request)
    rendered = [endpoint_out(item) for item in page.items]
    return json_reply(list_out(page, request, lambda item: item.id, rendered))


async def _get(call: Call) -> Reply:
    return json_reply(endpoint_out(await call.endpoint()))


async def _update(call: Call) -> Reply:
    key, values = call.path["endpoint_id"], call.body()

    async def make() -> Reply:
        return await _make(call, (await call.tenant()).id, uid=key)

    return await put(
        lambda: _change(call, lambda current: endpoint_in(values, call.services, uid=current.uid)),
        make,
        may_make=not key.startswith("ep_"),
        named_otherwise=values.get("uid") not in (None, key),
    )


async def _patch(call: Call) -> Reply:
    values = call.body()
    return await _change(call, lambda current: endpoint_patch(values, current, call.services))


async def _change(call: Call, change: Callable[[Endpoint], EndpointDraft]) -> Reply:
    before = await call.endpoint()
    changed = await call.store.change_endpoint(before.app_id, before.id, change)
    await call.services.follow(before, changed)
    return json_reply(endpoint_out(changed))


async def _delete(call: Call) -> Reply:
    current = await call.endpoint()
    await call.store.delete_endpoint(current.app_id, current.id)
    await call.services.follow(current, None)
    return NO_CONTENT


async def _stats(call: Call) -> Reply:
    current = await call.endpoint()
    until = call.query(UNTIL)
    before_ms = call.now_ms + 1 if until is None else until
    since = call.query(SINCE)
    after_ms = before_ms - _STATS_WINDOW_MS if since is None else since
    if before_ms < after_ms:
        raise InputInvalid([fault(("query", "until"), "this must not be before 'since'")])
    counts = await call.store.endpoint_counts(
        current.app_id, current.id, after_ms=after_ms, before_ms=before_ms
    )
    return json_reply(stats_out(counts))


async def _make(call: Call, app_id: str, *, uid: str | None = None) -> Reply:
    values = call.body()
    draft = endpoint_in(values, call.services, uid=uid)
    secret, headers = secret_in(values), headers_in(values)
    made = await call.store.create_endpoint(app_id, draft, secret, headers)
    await call.services.follow(None, made)
    return json_reply(endpoint_out(made), 201)


OPERATIONS = (
    Operation(
        id="v1.endpoint.list",
        method="GET",
        path="/app/{app_id}/endpoint",
        summary="List endpoints",
        tag=_TAG,
        handler=_list,
        query=(*PAGE_QUERY, ORDER),
        replies={200: "ListResponse_EndpointOut_"},
    ),
    Operation(
        id="v1.endpoint.create",
        method="POST",
        path="/app/{app_id}/endpoint",
        summary="Make an endpoint",
        description="Without a `secret`, one is made: of the kind that `signing` names.",
        tag=_TAG,
        handler=_create,
        body="EndpointIn",
        replies={201: "EndpointOut"},
    ),
    Operation(
        id="v1.endpoint.get",
        method="GET",
        path=_PATH,
        summary="Get an endpoint",
        tag=_TAG,
        handler=_get,
        replies={200: "EndpointOut"},
    ),
    Operation(
        id="v1.endpoint.update",
        method="PUT",
        path=_PATH,
        summary="Replace an endpoint, or make it",
        description="A `uid` in the path that no endpoint has makes one. What the body leaves out "
        "gets its default; the `uid`, the secret and the headers stay.",
        tag=_TAG,
        handler=_update,
        body="EndpointUpdate",
        replies={200: "EndpointOut", 201: "EndpointOut"},
    ),
    Operation(
        id="v1.endpoint.patch",
        method="PATCH",
        path=_PATH,
        summary="Change some of an endpoint",
        description="What the body leaves out stays. Setting `disabled` holds the endpoint's "
        "deliveries; clearing it sends them.",
        tag=_TAG,
        handler=_patch,
        body="EndpointPatch",
        replies={200: "EndpointOut"},
    ),
    Operation(
        id="v1.endpoint.delete",
        method="DELETE",
        path=_PATH,
        summary="Delete an endpoint",
        description="What was not delivered to it yet is cancelled.",
        tag=_TAG,
        handler=_delete,
        replies={204: None},
    ),
    Operation(
        id="v1.endpoint.get-stats",
        method="GET",
        path=f"{_PATH}/stats",
        summary="Count an endpoint's deliveries",
        description="By where they stand, of the messages made in a time.",
        tag=_TAG,
        handler=_stats,
        query=(SINCE, UNTIL),
        replies={200: "EndpointStats"},
    ),
)
