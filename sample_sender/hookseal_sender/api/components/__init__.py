"""The schemas of every body and reply, by name.

Knows which there are. Must not know which operation uses which.
"""

from __future__ import annotations

from hookseal_sender.api.components.applications import APPLICATIONS
from hookseal_sender.api.components.build import Schema, example, page, ref, text
from hookseal_sender.api.components.deliveries import DELIVERIES
from hookseal_sender.api.components.endpoints import ENDPOINTS
from hookseal_sender.api.components.errors import ERRORS
from hookseal_sender.api.components.event_types import EVENT_TYPES
from hookseal_sender.api.components.messages import MESSAGES
from hookseal_sender.api.components.shared import (
    APP_ID,
    ATTEMPT_ID,
    ENDPOINT_ID,
    EVENT_TYPE,
    MSG_ID,
)
from hookseal_sender.api.components.webhooks import WEBHOOK_SCHEMAS, WEBHOOKS
from hookseal_sender.api.names import MAX_NAME, NAME_PATTERN

__all__ = ["PATHS", "SCHEMAS", "WEBHOOKS", "Schema", "example", "ref"]

_APP, _ENDPOINT, _MSG, _ATTEMPT = (
    example(each, {}) for each in (APP_ID, ENDPOINT_ID, MSG_ID, ATTEMPT_ID)
)
_DELIVERY = f"{_MSG}.{_ENDPOINT}"
_LISTS = {
    "ApplicationOut": ("applications", _APP),
    "DeliveryOut": ("deliveries", _DELIVERY),
    "EndpointMessageOut": ("messages", _DELIVERY),
    "EndpointOut": ("endpoints", _ENDPOINT),
    "EventTypeOut": ("event types", example(EVENT_TYPE, {})),
    "MessageAttemptOut": ("attempts", _ATTEMPT),
    "MessageEndpointOut": ("endpoints", _DELIVERY),
    "MessageOut": ("messages", _MSG),
}
"""What each list is of, and an example of its cursor."""

SCHEMAS: dict[str, Schema] = {
    **APPLICATIONS,
    **ENDPOINTS,
    **EVENT_TYPES,
    **MESSAGES,
    **DELIVERIES,
    **{f"ListResponse_{item}_": page(item, *of) for item, of in _LISTS.items()},
    **ERRORS,
    **WEBHOOK_SCHEMAS,
}
"""Every schema of the document."""


def _path(meaning: str, sample: str) -> Schema:
    return text(meaning, sample, minLength=1, maxLength=MAX_NAME, pattern=NAME_PATTERN)


PATHS: dict[str, Schema] = {
    "app_id": _path("The application's id or uid.", "acme"),
    "endpoint_id": _path("The endpoint's id or uid.", "acme-billing"),
    "event_type_name": _path("The event type's name.", "invoice.paid"),
    "msg_id": _path("The message's id or event id.", "evt-in_4821-paid"),
    "attempt_id": _path("The attempt's id.", _ATTEMPT),
}
"""The schemas of the parts of paths, by name."""
