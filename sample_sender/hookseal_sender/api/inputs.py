"""What callers send about applications, event types and access, as drafts.

Knows the names and rules of the request bodies. Must not know HTTP or storage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hookseal_sender.api.fields import Fields
from hookseal_sender.api.names import is_name
from hookseal_sender.api.schemas import schema_fault, too_large
from hookseal_sender.model import ApplicationDraft, EventTypeDraft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookseal_sender.model import Application, EventType

__all__ = [
    "MAX_RATE",
    "access_in",
    "application_in",
    "application_of",
    "application_patch",
    "event_type_in",
    "event_type_patch",
    "patched",
    "throttle_rate",
]

MAX_RATE = 65535
_MAX_NAME = 256
_MAX_PLAN = 64
_MAX_VERSIONS = 100
_MAX_VERSION = 64
_MAX_FLAGS = 10  # as many of the longest as a token has room for
_RENAMED = {
    "rateLimit": "throttleRate",  # by SDKs of version 1
    "filterTypes": "eventTypes",
    "featureFlags": "featureFlag",  # by SDKs of version 2
}
_NULLABLE = frozenset(
    (
        "channels",
        "eventTypes",
        "featureFlag",
        "retrySchedule",
        "schemas",
        "throttleRate",
        "timeout",
        "uid",
    )
)
_HOUR, _WEEK = 3600, 7 * 86400
_CAPABILITIES = frozenset(
    (
        "CreateAttempts",
        "ManageEndpoint",
        "ManageEndpointSecret",
        "ManageTransformations",
        "ViewBase",
        "ViewEndpointSecret",
    )
)


def application_in(
    values: Mapping[str, object], plan: str, *place: str, uid: str | None = None
) -> ApplicationDraft:
    """Return the application that a body describes; ``plan`` and ``uid`` are what it leaves out."""
    fields = Fields(values, *place)
    draft = ApplicationDraft(
        name=fields.required_text("name", longest=_MAX_NAME),
        uid=fields.uid("uid", "app_") or uid,
        plan=fields.filled_text("plan", longest=_MAX_PLAN) or plan,
        throttle_rate=throttle_rate(fields),
        metadata=fields.metadata(),
    )
    fields.check()
    return draft


def application_patch(values: Mapping[str, object], current: Application) -> ApplicationDraft:
    """Return ``current`` with the fields that a body names replaced."""
    before: dict[str, object] = {
        "name": current.name,
        "uid": current.uid,
        "throttleRate": current.throttle_rate,
        "metadata": dict(current.metadata),
    }
    return application_in(patched(before, values), current.plan)


def application_of(values: Mapping[str, object], key: str, plan: str) -> ApplicationDraft | None:
    """Return the application to make if there is none under ``key``, where a body describes one."""
    fields = Fields(values)
    described = fields.object("application")
    fields.check()
    if described is None:
        return None
    draft = application_in(described, plan, "application", uid=key)
    if draft.uid != key:
        fields = Fields(described, "application")
        fields.fail("uid", "this must be the uid in the path, or be left out")
        fields.check()
    return None if key.startswith("app_") else draft


def access_in(values: Mapping[str, object]) -> tuple[int, tuple[str, ...]]:
    """Return the seconds that the token lasts, and the features whose event types it sees."""
    fields = Fields(values)
    lifetime = fields.whole("expiry", low=_HOUR, high=_WEEK)
    flags = _feature_flags(fields)
    _refuse_less(fields)
    fields.check()
    return _WEEK if lifetime is None else lifetime, flags


def event_type_in(values: Mapping[str, object], *, name: str | None = None) -> EventTypeDraft:
    """Return the event type that a body describes; ``name`` is the path's, if that names it."""
    fields = Fields(values)
    if name is None and fields.required("name"):
        name = fields.name("name")
    description = fields.text("description") if fields.required("description") else None
    schemas = _schemas(fields)
    enforced = fields.flag("enforced")
    if enforced and not schemas:
        fields.fail("enforced", "there is no schema to enforce; give 'schemas' too")
    draft = EventTypeDraft(
        name=name or "",
        description=description or "",
        archived=fields.flag("archived"),
        deprecated=fields.flag("deprecated"),
        feature_flag=_feature_flag(fields),
        schemas=schemas,
        enforced=enforced,
    )
    fields.check()
    return draft


def event_type_patch(values: Mapping[str, object], current: EventType) -> EventTypeDraft:
    """Return ``current`` with the fields that a body names replaced."""
    before: dict[str, object] = {
        "description": current.description,
        "archived": current.archived,
        "deprecated": current.deprecated,
        "featureFlag": current.feature_flag,
        "schemas": current.schemas,
        "enforced": current.enforced,
    }
    return event_type_in(patched(before, values), name=current.name)


def patched(before: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    """Return ``before`` with ``values`` over it; another name of a field replaces it too.

    Null is no way to say false or nothing: it is refused where a field is never null.
    """
    fields = Fields(values)
    for name in before.keys() & values.keys() - _NULLABLE:
        if values[name] is None:
            fields.fail(
                name, "this cannot be null; leave it out to keep it", "type_error.none.not_allowed"
            )
    fields.check()
    replaced = {new for old, new in _RENAMED.items() if old in values}
    return {**{name: before[name] for name in before if name not in replaced}, **values}


def throttle_rate(fields: Fields) -> int | None:
    """Return the deliveries a second that are allowed, or None; ``rateLimit`` is its old name."""
    return fields.whole(fields.either("throttleRate", "rateLimit"), low=1, high=MAX_RATE)


def _refuse_less(fields: Fields) -> None:
    """Refuse a token that may do less: whoever asks for one must not be given one for all."""
    rule = "a token covers all of its application; leave this out"
    if fields.flag("readOnly"):
        fields.fail("readOnly", rule)
    if not set(fields.texts("capabilities") or _CAPABILITIES) >= _CAPABILITIES:
        fields.fail("capabilities", rule)


def _feature_flags(fields: Fields) -> tuple[str, ...]:
    return fields.names("featureFlags", least=0, most=_MAX_FLAGS, longest=_MAX_NAME) or ()


def _feature_flag(fields: Fields) -> str | None:
    flags = _feature_flags(fields)
    if len(flags) > 1:
        fields.fail("featureFlags", "an event type belongs to one feature at most")
    return flags[0] if flags else fields.name("featureFlag")


def _schemas(fields: Fields) -> dict[str, dict[str, object]] | None:
    given = fields.object("schemas")
    if not given:
        return None
    if len(given) > _MAX_VERSIONS or not all(is_name(version, _MAX_VERSION) for version in given):
        fields.fail("schemas", f"at most {_MAX_VERSIONS} versions, named such as '1'")
        return None
    excess = too_large(given)
    if excess is not None:
        fields.fail("schemas", excess, "value_error.schema")
        return None
    for version, schema in given.items():
        fault = (
            schema_fault(cast("dict[str, object]", schema))
            if isinstance(schema, dict)
            else "this must be an object"
        )
        if fault is not None:
            fields.fail("schemas", f"version {version!r}: {fault}", "value_error.schema")
    return cast("dict[str, dict[str, object]]", given)
