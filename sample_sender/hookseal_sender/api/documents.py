"""The pages on which the API describes itself; they need no token.

Knows where they are. Must not know how they are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.openapi import document, openapi_response
from hookseal_sender.api.reference import reference_response
from hookseal_sender.api.registry import Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hookseal_sender.api.call import Call
    from hookseal_sender.api.replies import Reply

__all__ = ["documents"]


def documents(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Return the operations that serve the OpenAPI document of ``operations`` and its reference."""
    replies = {
        "/openapi.json": openapi_response(operations),
        "/docs": reference_response(document(operations)),
    }
    return tuple(_page(path, reply) for path, reply in replies.items())


def _page(path: str, reply: Reply) -> Operation:
    async def serve(_call: Call) -> Reply:
        return reply

    return Operation(
        id=f"document{path}",
        method="GET",
        path=path,
        summary="",
        tag="Documents",
        handler=serve,
        replies={200: None},
        scope="none",
    )
