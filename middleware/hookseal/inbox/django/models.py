"""The table of the inbox."""

from __future__ import annotations

from django.db import models

from hookseal.inbox import DEFAULT_TABLE, MAX_TEXT

__all__ = ["Received"]


class Received(models.Model):
    """An event that took effect."""

    source: models.CharField[str, str] = models.CharField(max_length=MAX_TEXT)
    event_id: models.CharField[str, str] = models.CharField(max_length=MAX_TEXT)
    recorded_at: models.BigIntegerField[int, int] = models.BigIntegerField(
        db_index=True, help_text="unix seconds"
    )

    class Meta:
        """One row an event."""

        db_table = DEFAULT_TABLE
        constraints = (
            models.UniqueConstraint(
                fields=["source", "event_id"], name=f"{DEFAULT_TABLE}_source_event_id"
            ),
        )

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"
