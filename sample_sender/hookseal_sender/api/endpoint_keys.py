"""Operations on what an endpoint's requests carry: signing secrets and custom headers.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hookseal_sender.api.endpoint_inputs import headers_in, headers_patch, rotation_in
from hookseal_sender.api.headers import is_sensitive
from hookseal_sender.api.registry import Operation
from hookseal_sender.api.replies import NO_CONTENT, json_reply
from hookseal_sender.api.secrets import kind_of, public_key
from hookseal_sender.errors import SealBroken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hookseal_sender.api.call import Call
    from hookseal_sender.api.replies import Reply
    from hookseal_sender.model import Endpoint

__all__ = ["OPERATIONS"]

_TAG = "Endpoint"
_PATH = "/app/{app_id}/endpoint/{endpoint_id}"


async def _secret(call: Call) -> Reply:
    return _shown((await call.endpoint()).secret)


async def _rotate(call: Call) -> Reply:
    current = await call.endpoint()
    kind = kind_of(current.secret) if current.secrets else None
    secret, overlap = rotation_in(call.optional_body(), kind)
    secrets = await call.store.rotate_secret(current.app_id, current.id, secret, overlap=overlap)
    await call.services.follow(current, replace(current, secrets=tuple(secrets)))
    return _shown(secret)


def _shown(secret: str) -> Reply:
    public = public_key(secret)
    return json_reply({"key": secret} if public is None else {"key": secret, "publicKey": public})


async def _headers(call: Call) -> Reply:
    headers = _readable(await call.endpoint()).headers
    shown = {name: value for name, value in headers.items() if not is_sensitive(name)}
    return json_reply(
        {"headers": shown, "sensitive": [name for name in headers if name not in shown]}
    )


async def _set_headers(call: Call) -> Reply:
    values = call.body()
    return await _change_headers(call, lambda _current: headers_in(values, required=True))


async def _patch_headers(call: Call) -> Reply:
    values = call.body()
    _readable(await call.endpoint())
    return await _change_headers(call, lambda current: headers_patch(values, current))


def _readable(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint whose headers are all there. Raises SealBroken if they may not be."""
    if endpoint.unreadable:
        raise SealBroken(endpoint.unreadable)
    return endpoint


async def _change_headers(
    call: Call, change: Callable[[Mapping[str, str]], Mapping[str, str]]
) -> Reply:
    current = await call.endpoint()
    await call.store.change_headers(current.app_id, current.id, change)
    return NO_CONTENT


OPERATIONS = (
    Operation(
        id="v1.endpoint.get-secret",
        method="GET",
        path=f"{_PATH}/secret",
        summary="Get an endpoint's secret",
        description="For signatures of kind v1a, `publicKey` is what a customer verifies with.",
        tag=_TAG,
        handler=_secret,
        replies={200: "EndpointSecretOut"},
    ),
    Operation(
        id="v1.endpoint.rotate-secret",
        method="POST",
        path=f"{_PATH}/secret/rotate",
        summary="Give an endpoint a new secret",
        description="The old one signs too for `gracePeriodSeconds`, by default a day.",
        tag=_TAG,
        handler=_rotate,
        body="EndpointSecretRotateIn",
        body_required=False,
        replies={200: "EndpointSecretOut"},  # the SDKs read a body, which others ignore
        repeat=_secret,
    ),
    Operation(
        id="v1.endpoint.get-headers",
        method="GET",
        path=f"{_PATH}/headers",
        summary="Get an endpoint's custom headers",
        description="Of headers that may carry credentials only the names are told.",
        tag=_TAG,
        handler=_headers,
        replies={200: "EndpointHeadersOut"},
    ),
    Operation(
        id="v1.endpoint.update-headers",
        method="PUT",
        path=f"{_PATH}/headers",
        summary="Replace an endpoint's custom headers",
        tag=_TAG,
        handler=_set_headers,
        body="EndpointHeadersIn",
        replies={204: None},
    ),
    Operation(
        id="v1.endpoint.patch-headers",
        method="PATCH",
        path=f"{_PATH}/headers",
        summary="Change some of an endpoint's custom headers",
        description="A header that is null, or named in `deleteHeaders`, is taken away.",
        tag=_TAG,
        handler=_patch_headers,
        body="EndpointHeadersPatchIn",
        replies={204: None},
    ),
)
