"""What callers send about endpoints: settings, secrets and headers.

Knows the names and rules of the request bodies. Must not know HTTP or storage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.fields import Fields
from hookseal_sender.api.headers import MAX_HEADERS, header_fault, merge
from hookseal_sender.api.inputs import patched, throttle_rate
from hookseal_sender.api.secrets import KINDS, kind_of, new_secret, read_secret
from hookseal_sender.model import EndpointDraft
from hookseal_sender.patterns import check_pattern
from hookseal_sender.urls import check_url, host_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookseal_sender.api.call import Services
    from hookseal_sender.model import Endpoint

__all__ = [
    "endpoint_in",
    "endpoint_patch",
    "headers_in",
    "headers_patch",
    "rotation_in",
    "secret_in",
]

_MAX_NAME = 256
_MAX_CHANNELS, _MAX_CHANNEL = 10, 128
_MAX_RETRIES, _MAX_DELAY = 20, 604_800
_MAX_TIMEOUT = 60
_MAX_SECRET = 200
_GRACE, _MAX_GRACE = 86_400, 604_800


def endpoint_in(
    values: Mapping[str, object],
    services: Services,
    *,
    uid: str | None = None,
    known_url: str | None = None,
) -> EndpointDraft:
    """Return the endpoint that a body describes; ``uid`` is what it leaves out.

    ``known_url`` is not judged again. Without a ``name``, our addition to the Svix fields, it is
    named by its description or its host.
    """
    fields = Fields(values)
    url = _url(fields, services) if known_url is None else known_url
    description = fields.text("description") or ""
    name = fields.filled_text("name", longest=_MAX_NAME)
    draft = EndpointDraft(
        url=url,
        name=(name or description.strip() or host_of(url))[:_MAX_NAME],
        description=description,
        uid=fields.uid("uid", "ep_") or uid,
        event_types=_event_types(fields),
        channels=fields.names("channels", most=_MAX_CHANNELS, longest=_MAX_CHANNEL),
        disabled=fields.flag("disabled"),
        throttle_rate=throttle_rate(fields),
        retry_schedule=fields.schedule("retrySchedule", most=_MAX_RETRIES, low=1, high=_MAX_DELAY),
        timeout=fields.seconds("timeout", low=1, high=_MAX_TIMEOUT),
        metadata=fields.metadata(),
    )
    fields.check()
    return draft


def endpoint_patch(
    values: Mapping[str, object], current: Endpoint, services: Services
) -> EndpointDraft:
    """Return ``current`` with the fields that a body names replaced."""
    before: dict[str, object] = {
        "name": current.name,
        "description": current.description,
        "uid": current.uid,
        "eventTypes": _listed(current.event_types),
        "channels": _listed(current.channels),
        "disabled": current.disabled,
        "throttleRate": current.throttle_rate,
        "retrySchedule": _listed(current.retry_schedule),
        "timeout": current.timeout,
        "metadata": dict(current.metadata),
    }
    known_url = None if "url" in values else current.url
    return endpoint_in(patched(before, values), services, known_url=known_url)


def secret_in(values: Mapping[str, object]) -> str:
    """Return the endpoint's secret that a body gives, or a new one of the kind it asks for."""
    fields = Fields(values)
    kind = fields.choice("signing", KINDS)
    secret = _secret(fields, "secret")
    if secret is not None and kind not in {None, kind_of(secret)}:
        fields.fail("signing", f"the secret is one of kind {kind_of(secret)}; leave this out")
    fields.check()
    return secret or new_secret(kind or KINDS[0])


def rotation_in(values: Mapping[str, object], kind: str | None) -> tuple[str, int]:
    """Return the new secret, of the ``kind`` that the endpoint has, and the old one's seconds.

    Where the old one cannot be read, nobody knows its kind any more: None, any will do.
    """
    fields = Fields(values)
    secret = _secret(fields, "key")
    if secret is not None and kind not in {None, kind_of(secret)}:
        fields.fail("key", f"this endpoint's secrets are of kind {kind}")
    grace = fields.whole("gracePeriodSeconds", low=0, high=_MAX_GRACE)
    fields.check()
    return secret or new_secret(kind or KINDS[0]), _GRACE if grace is None else grace


def headers_in(values: Mapping[str, object], *, required: bool = False) -> dict[str, str]:
    """Return the custom headers that a body gives."""
    fields = Fields(values)
    given = fields.object("headers") if not required or fields.required("headers") else None
    headers = _headers(fields, given or {})
    _check_number(fields, headers)
    fields.check()
    return headers


def headers_patch(values: Mapping[str, object], current: Mapping[str, str]) -> dict[str, str]:
    """Return ``current`` with the changes that a body gives; null takes a header away."""
    fields = Fields(values)
    given = fields.object("headers") or {}
    removed = {name.lower() for name, value in given.items() if value is None}
    removed |= {name.lower() for name in fields.texts("deleteHeaders", least=0) or ()}
    changes = {name: value for name, value in given.items() if value is not None}
    headers = merge(current, _headers(fields, changes), removed)
    _check_number(fields, headers)
    fields.check()
    return headers


def _url(fields: Fields, services: Services) -> str:
    url = fields.required_text("url")
    fault = None
    if url and url not in services.inspectors:
        fault = check_url(url, services.guard, https_only=services.https_only)
    if fault is not None:
        fields.fail("url", fault, "value_error.url")
    return "" if fault else url


def _event_types(fields: Fields) -> tuple[str, ...] | None:
    name = fields.either("eventTypes", "filterTypes")
    patterns = fields.texts(name)
    for pattern in patterns or ():
        fault = check_pattern(pattern)
        if fault is not None:
            fields.fail(name, f"{pattern[:_MAX_NAME]!r}: {fault}")
    return patterns


def _secret(fields: Fields, name: str) -> str | None:
    given = fields.text(name, longest=_MAX_SECRET)
    try:
        return None if given is None else read_secret(given)
    except ValueError as error:
        fields.fail(name, str(error))
        return None


def _headers(fields: Fields, given: Mapping[str, object]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in given.items():
        fault = header_fault(name, value) if isinstance(value, str) else "a value must be text"
        if name.lower() in {known.lower() for known in headers}:
            fault = "this header is there twice"
        if fault is not None:
            fields.fail("headers", f"{name[:_MAX_NAME]!r}: {fault}")
        else:
            headers[name] = str(value)
    return headers


def _check_number(fields: Fields, headers: Mapping[str, str]) -> None:
    if len(headers) > MAX_HEADERS:
        fields.fail("headers", f"at most {MAX_HEADERS} headers")


def _listed(members: tuple[object, ...] | None) -> list[object] | None:
    return None if members is None else list(members)
