"""Operations on access: tokens for one application, and giving a token up.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.inputs import access_in
from hookseal_sender.api.registry import Operation
from hookseal_sender.api.replies import NO_CONTENT, json_reply
from hookseal_sender.errors import Conflict, NotFound, PlanRequired, Unauthenticated
from hookseal_sender.model import ENTERPRISE, Scope

if TYPE_CHECKING:
    from hookseal_sender.api.call import Call
    from hookseal_sender.api.replies import Reply
    from hookseal_sender.model import Application, ApplicationDraft

__all__ = ["OPERATIONS"]

_TAG = "Authentication"
_DOCUMENTATION = "/api/v1/docs"


async def _portal_access(call: Call) -> Reply:
    draft, lifetime = access_in(
        call.optional_body(), call.path["app_id"], call.services.default_plan
    )
    application = await _application(call, draft)
    if application.plan != ENTERPRISE:
        raise PlanRequired(f"webhooks need the plan {ENTERPRISE!r}")
    scope = Scope(org_id=application.org_id, app_id=application.id)
    now = int(call.services.clock())
    token = call.services.tokens.issue(scope, now=now, expires_in=lifetime)
    url = call.services.public_url.rstrip("/") + _DOCUMENTATION
    return json_reply({"url": url, "token": token})


async def _application(call: Call, draft: ApplicationDraft | None) -> Application:
    try:
        return await call.application()
    except NotFound:
        if draft is None:
            raise
    try:
        return await call.store.create_application(call.scope.org_id, draft)
    except Conflict:  # somebody else was first
        return await call.application()


async def _logout(call: Call) -> Reply:
    caller = call.authenticated
    if caller.scope.token_id is None:
        raise Unauthenticated("this token has no id to revoke it by; change the key instead")
    await call.store.revoke_token(caller.scope.token_id, caller.expires * 1000)
    return NO_CONTENT


OPERATIONS = (
    Operation(
        id="v1.authentication.app-portal-access",
        method="POST",
        path="/auth/app-portal-access/{app_id}",
        summary="Make a token for one application",
        description="It lasts 7 days, or the `expiry` seconds asked for. Each call makes a new "
        "one: tokens are not kept, not even for an Idempotency-Key.",
        tag=_TAG,
        handler=_portal_access,
        body="AppPortalAccessIn",
        body_required=False,
        replies={200: "AppPortalAccessOut"},
        scope="organisation",
        keeps_reply=False,
    ),
    Operation(
        id="v1.authentication.logout",
        method="POST",
        path="/auth/logout",
        summary="Revoke the token of this request",
        tag=_TAG,
        handler=_logout,
        replies={204: None},
        keeps_reply=False,
    ),
)
