"""Operations that tell whether the sender works; they need no token.

Knows what health is made of. Must not know how it is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.registry import Operation
from hookseal_sender.api.replies import NO_CONTENT, json_reply
from hookseal_sender.errors import StoreUnavailable

if TYPE_CHECKING:
    from hookseal_sender.api.call import Call
    from hookseal_sender.api.replies import Reply

__all__ = ["OPERATIONS"]

_TAG = "Health"


async def _health(call: Call) -> Reply:
    try:
        await call.store.ping()
    except StoreUnavailable:
        return json_reply({"database": {"status": "error"}}, 500)
    return json_reply({"database": {"status": "ok"}})


async def _ping(_call: Call) -> Reply:
    return NO_CONTENT


OPERATIONS = (
    Operation(
        id="v1.health.get",
        method="GET",
        path="/health",
        summary="Tell whether the database answers",
        tag=_TAG,
        handler=_health,
        replies={200: "HealthOut", 500: "HealthOut"},
        scope="none",
    ),
    Operation(
        id="v1.health.head",
        method="HEAD",
        path="/health",
        summary="Tell whether the database answers, without a body",
        tag=_TAG,
        handler=_health,
        replies={200: None, 500: None},
        scope="none",
    ),
    Operation(
        id="v1.health.ping",
        method="GET",
        path="/health/ping",
        summary="Tell whether this process answers",
        tag=_TAG,
        handler=_ping,
        replies={204: None},
        scope="none",
    ),
    Operation(
        id="v1.health.ping-head",
        method="HEAD",
        path="/health/ping",
        summary="Tell whether this process answers",
        tag=_TAG,
        handler=_ping,
        replies={204: None},
        scope="none",
    ),
)
