"""PUT: replace what there is, or make it.

Knows in which order that is tried, and that somebody else may be first. Must not know of what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hookseal_sender.api.replies import Reply

__all__ = ["put"]


async def put(
    replace: Callable[[], Awaitable[Reply]],
    make: Callable[[], Awaitable[Reply]],
    *,
    may_make: bool = True,
    by_its_key: bool = True,
) -> Reply:
    """Return the answer of ``replace``, or that of ``make`` where there is nothing to replace.

    Nothing is made unless it ``may_make``. A Conflict of what is made ``by_its_key``, that of the
    path, means that another caller was first: theirs is replaced.
    """
    try:
        return await replace()
    except NotFound:
        if not may_make:
            raise
    try:
        return await make()
    except Conflict:
        if not by_its_key:
            raise
    return await replace()
