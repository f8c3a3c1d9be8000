"""A claimed delivery that knows since when it was due, so that lateness can be told."""

from __future__ import annotations

from dataclasses import dataclass

from hookseal_sender.model import Task

__all__ = ["DueTask"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DueTask(Task):
    """``due_ms`` is on the database's clock."""

    due_ms: int
