"""What callers send, as drafts.

Knows the names and rules of the API's request bodies and queries. Must not know HTTP or storage.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hookseal import ConfigError, Signer, generate_secret
from hookseal_sender.api.fields import Fields
from hookseal_sender.model import ApplicationDraft, EndpointDraft, MessageDraft
from hookseal_sender.patterns import EVENT_NAME, check_pattern
from hookseal_sender.store import AttemptFilter, MessageFilter, PageRequest
from hookseal_sender.urls import check_url, host_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookseal_sender.addresses import AddressGuard
    from hookseal_sender.model import Endpoint

__all__ = [
    "application_in",
    "attempt_filter",
    "endpoint_in",
    "endpoint_patch",
    "message_filter",
    "message_in",
    "page_request",
    "secret_in",
]

_MAX_PAGE = 250
_MAX_NAME = 256
_SUCCESS, _FAIL = "0", "2"


def application_in(values: Mapping[str, object]) -> ApplicationDraft:
    """Return the application that a body describes."""
    fields = Fields(values)
    fields.refuse("throttleRate")
    draft = ApplicationDraft(
        name=fields.required_text("name", longest=_MAX_NAME),
        uid=fields.uid("uid", "app_"),
        metadata=fields.metadata(),
    )
    fields.check()
    return draft


def endpoint_in(values: Mapping[str, object], guard: AddressGuard) -> EndpointDraft:
    """Return the endpoint that a body describes.

    Without a ``name``, our addition to the Svix fields, it is named by its description or its host.
    """
    fields = Fields(values)
    fields.refuse("channels", "throttleRate", "headers")
    url = _url(fields, guard)
    description = fields.text("description") or ""
    name = fields.text("name", longest=_MAX_NAME)
    if name is not None and not name.strip():
        fields.fail("name", "this must not be empty")
    event_types = _event_types(fields)
    uid, disabled = fields.uid("uid", "ep_"), fields.flag("disabled")
    metadata = fields.metadata()
    fields.check()
    return EndpointDraft(
        url=url,
        name=(name or description or host_of(url))[:_MAX_NAME],
        description=description,
        uid=uid,
        event_types=event_types,
        disabled=disabled,
        metadata=metadata,
    )


def endpoint_patch(
    values: Mapping[str, object], current: Endpoint, guard: AddressGuard
) -> EndpointDraft:
    """Return ``current`` with the fields that a body names replaced."""
    before: dict[str, object] = {
        "url": current.url,
        "name": current.name,
        "description": current.description,
        "uid": current.uid,
        "eventTypes": current.event_types and list(current.event_types),
        "disabled": current.disabled,
        "metadata": dict(current.metadata),
    }
    if "filterTypes" in values and "eventTypes" not in values:
        values = {**values, "eventTypes": values["filterTypes"]}
    return endpoint_in({**before, **values}, guard)


def secret_in(values: Mapping[str, object]) -> str:
    """Return the endpoint's secret that a body gives, or a new one."""
    fields = Fields(values)
    given = fields.text("secret", longest=100)
    secret = generate_secret() if given is None else f"whsec_{given.removeprefix('whsec_')}"
    try:
        Signer(secret)
    except ConfigError:
        fields.fail("secret", "'whsec_' and the base64 of 24 to 64 bytes; or leave it out")
    fields.check()
    return secret


def message_in(values: Mapping[str, object]) -> MessageDraft:
    """Return the message that a body describes, its payload as the bytes to deliver."""
    fields = Fields(values)
    fields.refuse("channels", "transformationsParams", "deliverAt", "application")
    event_type = fields.required_text("eventType")
    if event_type and not EVENT_NAME.match(event_type):
        fields.fail("eventType", "1 to 256 letters, digits, '-', '_' and '.'")
    payload = fields.object("payload")
    if fields.get("payload") is None:
        fields.fail("payload", "this field is required", "value_error.missing")
    event_id = fields.uid("eventId", "msg_")
    fields.check()
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return MessageDraft(event_type=event_type, payload=body.encode(), event_id=event_id)


def page_request(query: Mapping[str, str], *, newest_first: bool | None = None) -> PageRequest:
    """Return the page a query asks for; a list that leaves the order open passes no order."""
    fields = Fields(query, "query")
    limit = fields.whole("limit", default=50, low=1, high=_MAX_PAGE)
    cursor = fields.text("iterator", longest=100)
    order = query.get("order", "ascending")
    if order not in {"ascending", "descending"}:
        fields.fail("order", "write ascending or descending")
    fields.check()
    return PageRequest(
        limit=limit,
        cursor=cursor.removeprefix("-") if cursor else None,
        backwards=bool(cursor and cursor.startswith("-")),
        descending=order == "descending" if newest_first is None else newest_first,
    )


def message_filter(query: Mapping[str, str]) -> MessageFilter:
    """Return what a query limits a message list to."""
    fields = Fields(query, "query")
    fields.refuse("channel", "tag")
    where = MessageFilter(
        event_types=_listed(query),
        before_ms=_moment(fields, "before"),
        after_ms=_moment(fields, "after"),
    )
    fields.check()
    return where


def attempt_filter(
    query: Mapping[str, str], *, msg_id: str | None = None, endpoint_id: str | None = None
) -> AttemptFilter:
    """Return what a query limits an attempt list to, besides its message or endpoint."""
    base = message_filter(query)
    fields = Fields(query, "query")
    fields.refuse("status_code_class")
    status = query.get("status")
    if status not in {None, _SUCCESS, _FAIL}:
        fields.fail("status", "write 0 for succeeded or 2 for failed")
    fields.check()
    return AttemptFilter(
        event_types=base.event_types,
        before_ms=base.before_ms,
        after_ms=base.after_ms,
        msg_id=msg_id,
        endpoint_id=endpoint_id,
        succeeded=None if status is None else status == _SUCCESS,
    )


def _url(fields: Fields, guard: AddressGuard) -> str:
    url = fields.required_text("url")
    fault = check_url(url, guard) if url else None
    if fault is not None:
        fields.fail("url", fault, "value_error.url")
    return url


def _event_types(fields: Fields) -> tuple[str, ...] | None:
    name = "filterTypes" if fields.get("eventTypes") is None else "eventTypes"
    patterns = fields.texts(name)
    for pattern in patterns or ():
        fault = check_pattern(pattern)
        if fault is not None:
            fields.fail(name, f"{pattern[:_MAX_NAME]!r}: {fault}")
    return patterns


def _listed(query: Mapping[str, str]) -> tuple[str, ...] | None:
    text = query.get("event_types")
    return tuple(text.split(",")[:_MAX_PAGE]) if text else None


def _moment(fields: Fields, name: str) -> int | None:
    text = fields.text(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)
    except (ValueError, OverflowError):
        fields.fail(name, "write a time such as 2030-01-31T12:00:00Z")
        return None
