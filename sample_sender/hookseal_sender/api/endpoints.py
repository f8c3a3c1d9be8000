"""Operations on endpoints.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from hookseal_sender.api.inputs import endpoint_in, endpoint_patch, page_request, secret_in
from hookseal_sender.api.outputs import endpoint_out, list_out
from hookseal_sender.errors import NotFound

if TYPE_CHECKING:
    from hookseal_sender.api.call import Call
    from hookseal_sender.model import Endpoint


async def create(call: Call) -> Response:
    """POST /app/{app_id}/endpoint."""
    application = await call.application()
    values = await call.body()
    return await _create(call, application.id, values)


async def list_all(call: Call) -> Response:
    """GET /app/{app_id}/endpoint."""
    request = page_request(call.query)
    page = await call.store.endpoints((await call.application()).id, request)
    return JSONResponse(list_out(page, request, endpoint_out))


async def get(call: Call) -> Response:
    """GET /app/{app_id}/endpoint/{endpoint_id}."""
    return JSONResponse(endpoint_out(await _endpoint(call)))


async def update(call: Call) -> Response:
    """PUT /app/{app_id}/endpoint/{endpoint_id}; makes an endpoint with a uid that is new."""
    application = await call.application()
    values = await call.body()
    key = call.path("endpoint_id")
    try:
        current = await call.store.endpoint(application.id, key)
    except NotFound:
        if key.startswith("ep_"):
            raise
        return await _create(call, application.id, {"uid": key, **values})
    draft = endpoint_in({"uid": current.uid, **values}, call.services.guard)
    updated = await call.store.update_endpoint(application.id, current.id, draft)
    return JSONResponse(endpoint_out(updated))


async def patch(call: Call) -> Response:
    """PATCH /app/{app_id}/endpoint/{endpoint_id}."""
    current = await _endpoint(call)
    draft = endpoint_patch(await call.body(), current, call.services.guard)
    updated = await call.store.update_endpoint(current.app_id, current.id, draft)
    return JSONResponse(endpoint_out(updated))


async def delete(call: Call) -> Response:
    """DELETE /app/{app_id}/endpoint/{endpoint_id}."""
    current = await _endpoint(call)
    await call.store.delete_endpoint(current.app_id, current.id)
    return Response(status_code=204)


async def secret(call: Call) -> Response:
    """GET /app/{app_id}/endpoint/{endpoint_id}/secret."""
    current = await _endpoint(call)
    return JSONResponse({"key": current.secrets[0]})


async def _create(call: Call, app_id: str, values: dict[str, object]) -> Response:
    draft = endpoint_in(values, call.services.guard)
    made = await call.store.create_endpoint(app_id, draft, secret_in(values))
    return JSONResponse(endpoint_out(made), 201)


async def _endpoint(call: Call) -> Endpoint:
    application = await call.application()
    return await call.store.endpoint(application.id, call.path("endpoint_id"))
