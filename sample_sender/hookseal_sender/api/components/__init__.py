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
from hookseal_sender.api.components.webhooks import WEBHOOK_SCHEMAS, WEBHOOKS
from hookseal_sender.api.names import MAX_NAME, NAME_PATTERN

__all__ = ["PATHS", "SCHEMAS", "WEBHOOKS", "Schema", "example", "ref"]

_LISTS = {
    "ApplicationOut": "applications",
    "DeliveryOut": "deliveries",
    "EndpointMessageOut": "messages",
    "EndpointOut": "endpoints",
    "EventTypeOut": "event types",
    "MessageAttemptOut": "attempts",
    "MessageEndpointOut": "endpoints",
    "MessageOut": "messages",
}

SCHEMAS: dict[str, Schema] = {
    **APPLICATIONS,
    **ENDPOINTS,
    **EVENT_TYPES,
    **MESSAGES,
    **DELIVERIES,
    **{f"ListResponse_{item}_": page(item, things) for item, things in _LISTS.items()},
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
    "attempt_id": _path("The attempt's id.", "atmpt_2ynCq8Gd1cUuFjEo6RmTpKs9LxB"),
}
"""The schemas of the parts of paths, by name."""
