"""Operations on access: tokens for one application, and giving a token up.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hookseal_sender.api.inputs import access_in, application_of
from hookseal_sender.api.registry import Operation
from hookseal_sender.api.replies import NO_CONTENT, json_reply
from hookseal_sender.errors import Conflict, NotFound, PlanRequired, Unauthenticated
from hookseal_sender.links import new_scope
from hookseal_sender.model import ENTERPRISE

if TYPE_CHECKING:
    from hookseal_sender.api.call import Call
    from hookseal_sender.api.replies import Reply
    from hookseal_sender.model import Application, ApplicationDraft, Scope

__all__ = ["OPERATIONS"]

_TAG = "Authentication"
_DOCUMENTATION = "/api/v1/docs"
_NEEDED = f"webhooks need the plan {ENTERPRISE!r}"


async def _portal_access(call: Call) -> Reply:
    values = call.optional_body()
    lifetime, flags = access_in(values)
    draft = application_of(values, call.path["app_id"], call.services.default_plan)
    application = await _application(call, draft)
    if application.plan != ENTERPRISE:
        raise PlanRequired(_NEEDED)
    scope = replace(new_scope(application, call.now_ms), feature_flags=flags)
    now = int(call.services.clock())
    token = call.services.tokens.issue(scope, now=now, expires_in=lifetime)
    return json_reply({"url": _portal(call, scope, now + lifetime), "token": token})


def _portal(call: Call, scope: Scope, expires: int) -> str:
    """Return a link into the console, to the API's reference where there is no console."""
    links = call.services.links
    if links is None:
        return call.services.public_url.rstrip("/") + _DOCUMENTATION
    return links.make(scope, expires=expires)


async def _application(call: Call, draft: ApplicationDraft | None) -> Application:
    try:
        return await call.application()
    except NotFound:
        if draft is None:
            raise
        if draft.plan != ENTERPRISE:
            raise PlanRequired(_NEEDED) from None
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
        summary="Make a magic link and a token for one application",
        description="`url` lets whoever has it into the application's webhooks page. Link and "
        "token last 7 days, or the `expiry` seconds asked for; revoking the token ends both. The "
        "token sees the event types of `featureFlags`. Each call makes new ones.",
        tag=_TAG,
        handler=_portal_access,
        body="AppPortalAccessIn",
        body_required=False,
        replies={200: "AppPortalAccessOut"},
        scope="organisation",
        reply_kept_by="nobody",
    ),
    Operation(
        id="v1.authentication.logout",
        method="POST",
        path="/auth/logout",
        summary="Revoke the token of this request",
        tag=_TAG,
        handler=_logout,
        replies={204: None},
        reply_kept_by="nobody",
    ),
)
