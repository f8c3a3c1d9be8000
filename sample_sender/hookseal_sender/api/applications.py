"""Operations on applications.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from hookseal_sender.api.inputs import application_in, page_request
from hookseal_sender.api.outputs import application_out, list_out
from hookseal_sender.errors import Conflict
from hookseal_sender.model import Scope

if TYPE_CHECKING:
    from hookseal_sender.api.call import Call


async def create(call: Call) -> Response:
    """POST /app."""
    call.require_organisation()
    draft = application_in(await call.body())
    try:
        made = await call.store.create_application(call.scope.org_id, draft)
    except Conflict:
        if draft.uid is None or call.query.get("get_if_exists") != "true":
            raise
        found = await call.store.application(Scope(org_id=call.scope.org_id), draft.uid)
        return JSONResponse(application_out(found))
    return JSONResponse(application_out(made), 201)


async def list_all(call: Call) -> Response:
    """GET /app."""
    call.require_organisation()
    request = page_request(call.query)
    page = await call.store.applications(call.scope.org_id, request)
    return JSONResponse(list_out(page, request, application_out))


async def get(call: Call) -> Response:
    """GET /app/{app_id}."""
    return JSONResponse(application_out(await call.application()))


async def delete(call: Call) -> Response:
    """DELETE /app/{app_id}."""
    call.require_organisation()
    await call.store.delete_application((await call.application()).id)
    return Response(status_code=204)
