"""What an operation of the API is: its place, its words, its handler.

Knows the shape of a declaration; the routes and the OpenAPI document are both made from them, so
that they cannot differ. Must not know any particular operation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hookseal_sender.api.call import Call
    from hookseal_sender.api.parameters import Parameter
    from hookseal_sender.api.replies import Reply

__all__ = ["Handler", "Operation", "ReplyKeeper", "TokenScope"]

TokenScope = Literal["none", "organisation", "application"]
"""Which token an operation asks for; one of the organisation does for an application's too."""

ReplyKeeper = Literal["api", "store", "nobody"]
"""Who has the answer when an Idempotency-Key comes again; with nobody, the key is not looked at."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")

if TYPE_CHECKING:
    Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One operation. ``path`` begins behind ``/api/v1`` and names its parts as ``{app_id}``.

    ``body`` and the values of ``replies`` (by status) name components of the OpenAPI document;
    None is no body. ``repeat`` answers the second time, and then no body is kept: a secret must not
    lie in the database as it is. ``checks_token`` asks the store whether the token was revoked.
    """

    id: str
    method: str
    path: str
    summary: str
    tag: str
    handler: Handler = field(repr=False)
    replies: Mapping[int, str | None]
    description: str = ""
    query: tuple[Parameter[Any], ...] = ()
    body: str | None = None
    body_required: bool = True
    scope: TokenScope = "application"
    reply_kept_by: ReplyKeeper = "api"
    repeat: Handler | None = field(default=None, repr=False)
    checks_token: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "replies", MappingProxyType(dict(self.replies)))

    @property
    def idempotent(self) -> bool:
        """Whether an Idempotency-Key is obeyed: by a POST, as the SDKs expect."""
        return self.method == "POST" and self.reply_kept_by != "nobody"

    @property
    def path_names(self) -> tuple[str, ...]:
        """The names in ``path``, from left to right."""
        return tuple(_PLACEHOLDER.findall(self.path))

    @property
    def gated(self) -> bool:
        """Whether the application's plan must include webhooks."""
        return "{app_id}" in self.path and self.path != "/app/{app_id}"
