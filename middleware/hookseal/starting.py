"""Whether the ledger that is configured can be used, asked once when the app starts.

Knows that a store may have a ``check``. Must not know how stores work, nor servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hookseal.policy import Policy

__all__ = ["check_store", "check_store_async"]


def check_store(policy: Policy) -> None:
    """Raise :class:`~hookseal.errors.ConfigError` where the policy's ledger cannot be used now."""
    check: Any = getattr(policy.ledger, "check", None)
    if check is not None:
        check()


async def check_store_async(policy: Policy) -> None:
    """Do the same for the ledger of a face on an event loop."""
    check: Any = getattr(policy.ledger, "check", None)
    if check is not None and hasattr(asked := check(), "__await__"):
        await asked
