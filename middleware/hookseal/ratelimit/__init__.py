"""Budgets: how often something may happen in a while.

Knows the ``limits`` library, in whose storages budgets are counted. Must not know what is counted
or what an exhausted budget is answered with.
"""

from __future__ import annotations

from hookseal.ratelimit.breaker import Breaker
from hookseal.ratelimit.budget import AnyBudget, Budget, Counters
from hookseal.ratelimit.memory import BoundedCounters, BoundedMemoryStorage
from hookseal.ratelimit.opening import Limiter, LimitStorage, check_storage, waits
from hookseal.ratelimit.shared import AsyncSharedBudget, SharedBudget

__all__ = [
    "AnyBudget",
    "AsyncSharedBudget",
    "BoundedCounters",
    "BoundedMemoryStorage",
    "Breaker",
    "Budget",
    "Counters",
    "LimitStorage",
    "Limiter",
    "SharedBudget",
    "check_storage",
    "waits",
]
