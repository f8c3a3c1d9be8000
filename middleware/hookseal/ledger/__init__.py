"""The ledger: which event is new, being handled, or done.

Knows the states of an event and what each transition answers. Must not know how a store keeps
them: each store is a module of its own, imported only where it is used.

The states, as every store keeps them, on the store's own clock::

    absent --claim--> CLAIMED --complete--> DONE --retention--> absent
    CLAIMED --release--> absent
    CLAIMED --renew--> CLAIMED
    CLAIMED --lease over--> may be claimed again, with attempt + 1
"""

from __future__ import annotations

from hookseal.ledger.base import AsyncLedger, Claimed, Done, InFlight, Ledger, Outcome, Reply
from hookseal.ledger.memory import MemoryLedger
from hookseal.ledger.opening import open_ledger

__all__ = [
    "AsyncLedger",
    "Claimed",
    "Done",
    "InFlight",
    "Ledger",
    "MemoryLedger",
    "Outcome",
    "Reply",
    "open_ledger",
]
