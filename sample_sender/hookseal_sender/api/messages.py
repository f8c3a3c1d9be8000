"""Operations on messages and their attempts.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from hookseal_sender.api.inputs import attempt_filter, message_filter, message_in, page_request
from hookseal_sender.api.outputs import attempt_out, list_out, message_out

if TYPE_CHECKING:
    from hookseal_sender.api.call import Call
    from hookseal_sender.store import AttemptFilter


async def create(call: Call) -> Response:
    """POST /app/{app_id}/msg: 202, and from then on the message will be delivered."""
    application = await call.application()
    draft = message_in(await call.body())
    accepted = await call.store.publish(application.id, draft)
    return JSONResponse(message_out(accepted, with_content=call.with_content), 202)


async def list_all(call: Call) -> Response:
    """GET /app/{app_id}/msg, newest first."""
    application = await call.application()
    request = page_request(call.query, newest_first=True)
    page = await call.store.messages(application.id, request, message_filter(call.query))
    render = partial(message_out, with_content=call.with_content)
    return JSONResponse(list_out(page, request, render))


async def get(call: Call) -> Response:
    """GET /app/{app_id}/msg/{msg_id}."""
    application = await call.application()
    found = await call.store.message(application.id, call.path("msg_id"))
    return JSONResponse(message_out(found, with_content=call.with_content))


async def attempts_by_message(call: Call) -> Response:
    """GET /app/{app_id}/attempt/msg/{msg_id}, newest first."""
    application = await call.application()
    found = await call.store.message(application.id, call.path("msg_id"))
    key = call.query.get("endpoint_id")
    wanted = (await call.store.endpoint(application.id, key)).id if key else None
    where = attempt_filter(call.query, msg_id=found.id, endpoint_id=wanted)
    return await _attempts(call, application.id, where)


async def attempts_by_endpoint(call: Call) -> Response:
    """GET /app/{app_id}/attempt/endpoint/{endpoint_id}, newest first."""
    application = await call.application()
    found = await call.store.endpoint(application.id, call.path("endpoint_id"))
    where = attempt_filter(call.query, endpoint_id=found.id)
    return await _attempts(call, application.id, where)


async def _attempts(call: Call, app_id: str, where: AttemptFilter) -> Response:
    request = page_request(call.query, newest_first=True)
    page = await call.store.attempts(app_id, request, where)
    render = partial(attempt_out, with_content=call.with_content)
    return JSONResponse(list_out(page, request, render))
