"""What callers publish, as drafts.

Knows the names and rules of the request bodies. Must not know HTTP or storage.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hookseal_sender.api.fields import Fields
from hookseal_sender.api.inputs import application_of
from hookseal_sender.model import MessageDraft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookseal_sender.model import ApplicationDraft

__all__ = ["example_in", "message_in"]

_MAX_CHANNELS, _MAX_CHANNEL = 5, 128
_MIN_DAYS, _MAX_DAYS = 5, 90
_DAY = 24  # hours
_HOUR_MS = 3_600_000
_JSON = "application/json"
_CONTENT_TYPE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?\Z")


def message_in(
    values: Mapping[str, object], payload: bytes, key: str, now_ms: int, plan: str
) -> tuple[MessageDraft, ApplicationDraft | None]:
    """Return the message that a body describes, and the application to make if there is none.

    ``payload`` is the member of that name as it was written, ``key`` the application's in the path,
    ``plan`` that of a new one.
    """
    fields = Fields(values)
    event_type = _event_type(fields)
    if fields.required("payload"):
        fields.object("payload")
    retention_hours = _retention_hours(fields)
    raw, content_type = _raw_payload(fields)
    event_id = fields.uid("eventId", "msg_")
    channels = fields.names("channels", most=_MAX_CHANNELS, longest=_MAX_CHANNEL)
    not_before_ms = _deliver_at(fields, now_ms, retention_hours)
    fields.check()
    draft = MessageDraft(
        event_type=event_type,
        payload=payload if raw is None else raw,
        event_id=event_id,
        channels=channels,
        content_type=content_type,
        not_before_ms=not_before_ms,
        retention_hours=retention_hours,
    )
    application = application_of(values, key, plan) if "application" in values else None
    return draft, application


def example_in(values: Mapping[str, object]) -> str:
    """Return the event type that a body wants an example of."""
    fields = Fields(values)
    event_type = _event_type(fields)
    fields.check()
    return event_type


def _event_type(fields: Fields) -> str:
    return (fields.name("eventType") if fields.required("eventType") else None) or ""


def _retention_hours(fields: Fields) -> int:
    days = fields.whole("payloadRetentionPeriod", low=_MIN_DAYS, high=_MAX_DAYS)
    hours = fields.whole("payloadRetentionHours", low=1, high=_MAX_DAYS * _DAY)
    if hours is None:
        return (_MAX_DAYS if days is None else days) * _DAY
    if days is not None:
        fields.fail("payloadRetentionHours", "give this or payloadRetentionPeriod, not both")
    return hours


def _deliver_at(fields: Fields, now_ms: int, hours: int) -> int | None:
    moment = fields.moment("deliverAt")
    if moment is not None and moment >= now_ms + hours * _HOUR_MS:
        fields.fail("deliverAt", f"this must be within the {hours} hours that the payload is kept")
    return None if moment is None or moment <= now_ms else moment


def _raw_payload(fields: Fields) -> tuple[bytes | None, str | None]:
    """Return the exact body to deliver and its type, where a body gives one; else two None."""
    given = fields.object("transformationsParams")
    if given is None or given.get("rawPayload") is None:
        return None, None
    params = Fields(given, "transformationsParams")
    raw = given["rawPayload"]
    if not isinstance(raw, str):
        params.fail("rawPayload", "this must be text", "type_error.str")
        raw = ""
    content_type = _content_type(params)
    params.check()
    return raw.encode(), content_type


def _content_type(params: Fields) -> str:
    for name, value in (params.object("headers") or {}).items():
        if name.lower() == "content-type":
            if isinstance(value, str) and _CONTENT_TYPE.match(value):
                return value
            params.fail("headers", "content-type must be 1 to 256 visible ASCII characters")
    return _JSON
