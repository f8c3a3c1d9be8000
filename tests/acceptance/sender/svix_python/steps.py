"""Steps that many tests take, and waiting for what a sender does by itself."""

from __future__ import annotations

from collections.abc import Sequence

from svix import Svix
from svix.models import (
    ApplicationOut,
    MessageAttemptOut,
    MessageEndpointOut,
    MessageIn,
    MessageOut,
    MessageStatus,
)

from tests.acceptance.sender.processes import until

EVENT = "invoice.paid"
PAYLOAD = {"type": EVENT, "id": 4711, "note": "Grüße"}
EXAMPLE = {"type": EVENT, "id": 1}
_PATIENCE = 20


def publish(svix: Svix, app: ApplicationOut, **fields: object) -> MessageOut:
    return svix.message.create(app.id, MessageIn(event_type=EVENT, payload=PAYLOAD, **fields))


def attempts(svix: Svix, app_id: str, msg_id: str, count: int = 1) -> Sequence[MessageAttemptOut]:
    """Wait until ``count`` attempts of the message are logged; newest first."""
    for _ in until(_PATIENCE, f"{count} attempts are logged"):
        logged = svix.message_attempt.list_by_msg(app_id, msg_id).data
        if len(logged) >= count:
            return logged
    raise AssertionError


def destination(svix: Svix, app_id: str, msg_id: str, status: MessageStatus) -> MessageEndpointOut:
    """Wait until the message's only destination has ``status``."""
    for _ in until(_PATIENCE, f"the delivery is {status.name}"):
        page = svix.message_attempt.list_attempted_destinations(app_id, msg_id)
        if [item.status for item in page.data] == [status]:
            return page.data[0]
    raise AssertionError
