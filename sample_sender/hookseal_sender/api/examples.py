"""Example events: a payload such as an event type's newest schema describes.

Knows which events need no schema. Must not know requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.fields import InputInvalid, fault
from hookseal_sender.api.schemas import newest, sample

if TYPE_CHECKING:
    from hookseal_sender.model import Scope
    from hookseal_sender.store import Store

__all__ = ["PING", "example_payload"]

PING = "webhook.ping"
"""An event that every endpoint can be sent, whatever its event types."""
_PINGS = {"svix.ping", "hookseal.ping", PING}


async def example_payload(store: Store, scope: Scope, name: str) -> dict[str, object]:
    """Return an example of the event type for whoever has ``scope``.

    Raises NotFound for one that they may not know of, InputInvalid for one without a schema.
    """
    if name in _PINGS:
        return {"success": True}
    found = await store.event_type(scope, name)
    if not found.schemas:
        raise InputInvalid(
            [fault(("body", "eventType"), "this event type has no schema to make an example of")]
        )
    return sample(newest(found.schemas))
