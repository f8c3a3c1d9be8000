"""PUT: replace what there is, or make it.

Knows in which order that is tried, and that somebody else may be first. Must not know of what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.fields import InputInvalid, fault
from hookseal_sender.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hookseal_sender.api.replies import Reply

__all__ = ["put"]

_RULE = "there is none to rename: this must be the uid in the path, or be left out"


async def put(
    replace: Callable[[], Awaitable[Reply]],
    make: Callable[[], Awaitable[Reply]],
    *,
    may_make: bool = True,
    named_otherwise: bool = False,
) -> Reply:
    """Return the answer of ``replace``, or that of ``make`` where there is nothing to replace.

    Nothing is made unless it ``may_make``, nor under another uid than that of the path: the same
    request would then not do the same again. A Conflict means that another caller was first: theirs
    is replaced.
    """
    try:
        return await replace()
    except NotFound:
        if not may_make:
            raise
        if named_otherwise:
            raise InputInvalid([fault(("body", "uid"), _RULE)]) from None
    try:
        return await make()
    except Conflict:
        pass
    return await replace()
