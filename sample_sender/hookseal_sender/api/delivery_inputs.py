"""What callers send to ask for deliveries anew, as filters.

Knows the names and rules of the request bodies. Must not know HTTP or storage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.fields import Fields
from hookseal_sender.api.parameters import STATES
from hookseal_sender.model import DeliveryState
from hookseal_sender.store import DeliveryFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["recover_in", "replay_in", "resume_in"]

_MAX_STATUS = 599
_MAX_EVENT_TYPES = 250
_MAX_NAME = 256


def recover_in(values: Mapping[str, object]) -> DeliveryFilter:
    """Return what a RecoverIn selects: what failed in its time."""
    fields = Fields(values)
    after_ms, before_ms = _window(fields)
    fields.check()
    return DeliveryFilter(states=(DeliveryState.FAILED,), after_ms=after_ms, before_ms=before_ms)


def replay_in(values: Mapping[str, object]) -> DeliveryFilter:
    """Return what a ReplayIn selects."""
    fields = Fields(values)
    after_ms, before_ms = _window(fields)
    state = fields.choice("state", STATES)
    where = DeliveryFilter(
        states=None if state is None else (DeliveryState[state.upper()],),
        last_status=fields.whole("statusCode", low=0, high=_MAX_STATUS),
        event_types=fields.names("eventTypes", most=_MAX_EVENT_TYPES, longest=_MAX_NAME),
        after_ms=after_ms,
        before_ms=before_ms,
    )
    fields.check()
    return where


def resume_in(values: Mapping[str, object]) -> int | None:
    """Return the unix milliseconds that a ResumeIn begins at, None for everything."""
    fields = Fields(values)
    since_ms = fields.moment("since")
    fields.check()
    return since_ms


def _window(fields: Fields) -> tuple[int | None, int | None]:
    since_ms = fields.moment("since") if fields.required("since") else None
    until_ms = fields.moment("until")
    if since_ms is not None and until_ms is not None and until_ms < since_ms:
        fields.fail("until", "this must not be before 'since'")
    return since_ms, until_ms
