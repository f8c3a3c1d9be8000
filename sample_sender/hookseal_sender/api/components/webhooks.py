"""What the operational webhooks say: events about endpoints and deliveries themselves.

Knows event types, field names and meanings. Must not know when which one is sent.
"""

from __future__ import annotations

from hookseal_sender.api.components.applications import APPLICATION_UID
from hookseal_sender.api.components.build import Schema, moment, reply, text
from hookseal_sender.api.components.endpoints import SETTINGS
from hookseal_sender.api.components.messages import EVENT_ID
from hookseal_sender.api.components.shared import (
    APP_ID,
    ATTEMPT_ID,
    ENDPOINT_ID,
    MSG_ID,
    STATUS_CODE,
)

__all__ = ["WEBHOOKS", "WEBHOOK_SCHEMAS"]

_APPLICATION = {"appId": APP_ID, "appUid": APPLICATION_UID}
_ENDPOINT = {**_APPLICATION, "endpointId": ENDPOINT_ID, "endpointUid": SETTINGS["uid"]}
_ATTEMPT = {
    **_APPLICATION,
    "endpointId": ENDPOINT_ID,
    "msgId": MSG_ID,
    "msgEventId": EVENT_ID,
    "lastAttempt": reply(
        "The newest attempt.",
        {
            "id": ATTEMPT_ID,
            "responseStatusCode": STATUS_CODE,
            "timestamp": moment("When it began."),
        },
    ),
}
_DISABLED = {**_ENDPOINT, "failSince": moment("When the first of the failures was.")}

_EVENTS: dict[str, tuple[str, str, dict[str, Schema]]] = {
    "endpoint.created": ("EndpointCreatedEvent", "An endpoint was made.", _ENDPOINT),
    "endpoint.updated": ("EndpointUpdatedEvent", "An endpoint was changed.", _ENDPOINT),
    "endpoint.deleted": ("EndpointDeletedEvent", "An endpoint was deleted.", _ENDPOINT),
    "endpoint.disabled": (
        "EndpointDisabledEvent",
        "An endpoint was disabled because it failed for too long or answered 410.",
        _DISABLED,
    ),
    "message.attempt.exhausted": (
        "MessageAttemptExhaustedEvent",
        "A delivery has used up its retries.",
        _ATTEMPT,
    ),
    "message.attempt.failing": (
        "MessageAttemptFailingEvent",
        "A delivery has failed several times and will be tried again.",
        _ATTEMPT,
    ),
    "message.attempt.recovered": (
        "MessageAttemptRecoveredEvent",
        "A delivery that was failing has succeeded.",
        _ATTEMPT,
    ),
}


def _event(name: str, meaning: str, data: dict[str, Schema]) -> Schema:
    kind = text("Which event it is.", name, const=name)
    return reply(meaning, {"type": kind, "data": reply("What it is about.", data)})


WEBHOOKS = {name: component for name, (component, _, _) in _EVENTS.items()}
"""The component of each operational webhook, by its event type."""
WEBHOOK_SCHEMAS = {
    component: _event(name, meaning, data) for name, (component, meaning, data) in _EVENTS.items()
}
