"""What the tests of every form of the inbox share."""

from __future__ import annotations

from hookseal import WebhookEvent

DAY = 24 * 3600
SECONDS = 10


def event(event_id: str = "evt_1", source: str = "acme") -> WebhookEvent:
    return WebhookEvent(event_id, 1, b"{}", "standard", source)
