"""What the forms about a webhook hold, as the fields that the API takes, and its faults.

Knows the names of both. Must not know pages: the rules themselves are the API's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from hookseal_sender.api.endpoint_inputs import endpoint_in, endpoint_patch
from hookseal_sender.api.fields import InputInvalid
from hookseal_sender.console.choosing import chosen
from hookseal_sender.console.words import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hookseal_sender.api import Services
    from hookseal_sender.model import Endpoint, EndpointDraft

__all__ = ["FormFaults", "draft_in", "faults_of", "rotation_seconds"]

_FORM_NAMES = {"eventTypes": "events", "throttleRate": "throttle"}
_ORDER = ("name", "url", "events", "description", "throttle", "timeout")
_NUMBERS = {"throttle": "throttleRate", "timeout": "timeout"}
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?", re.ASCII)
OVERLAPS = {"0": 0, "3600": 3600, "86400": 86_400, "604800": 604_800}


class FormFaults(Exception):
    """What is wrong, as a sentence for each field, in the order that the form has them."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__("some fields need a change")
        known = {name: faults[name] for name in _ORDER if name in faults}
        self.faults = known | faults


def draft_in(
    fields: Sequence[tuple[str, str]], services: Services, current: Endpoint | None = None
) -> EndpointDraft:
    """Return the endpoint that a form describes; what it does not ask stays as in ``current``.

    Raises :class:`FormFaults`.
    """
    given = dict(fields)
    faults: dict[str, str] = {}
    values: dict[str, object] = {
        "name": given.get("name", "").strip(),
        "description": given.get("description", "").strip(),
        "eventTypes": chosen(fields),
    }
    url = given.get("url", "").strip()
    if current is None or url != current.url:
        values["url"] = url
    if not values["name"]:
        faults["name"] = "Give the webhook a name that you will know it by."
    if not url:
        faults["url"] = "Enter the URL that events are sent to."
    if values["eventTypes"] == []:
        faults["events"] = "Choose at least one event, or all of them."
        values["eventTypes"] = None
    for name, field in _NUMBERS.items():
        if name in given:
            values[field] = _number(given[name].strip(), name, faults)
    try:
        draft = (
            endpoint_in(values, services)
            if current is None
            else endpoint_patch(values, current, services)
        )
    except InputInvalid as error:
        raise FormFaults(faults_of(error) | faults) from None
    if faults:
        raise FormFaults(faults)
    return draft


def faults_of(error: InputInvalid) -> dict[str, str]:
    """Return the API's faults as a sentence for each field of the form."""
    faults: dict[str, str] = {}
    for each in error.errors:
        name = str(cast("list[object]", each["loc"])[-1])
        faults[_FORM_NAMES.get(name, name)] = sentence(str(each["msg"]))
    return faults


def rotation_seconds(given: str) -> int:
    """Return how long an old secret goes on, as the form's choices have it; a day otherwise."""
    return OVERLAPS.get(given, OVERLAPS["86400"])


def _number(text: str, name: str, faults: dict[str, str]) -> float | None:
    """Return a number, whole where it is written so: whether it must be is the API's to say."""
    if not text:
        return None
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    faults[name] = "Write a number, or nothing."
    return None
