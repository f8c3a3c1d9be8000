"""Query parameters: each declared once, with its JSON Schema and the reader that obeys it.

Knows names, kinds and limits. Must not know what an operation does with a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from hookseal_sender.api.names import MAX_NAME, NAME_PATTERN, is_name, name_rule
from hookseal_sender.api.times import moment_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "AFTER",
    "BEFORE",
    "CHANNEL",
    "CURSOR_RULE",
    "DEFAULT_LIMIT",
    "ENDPOINT_ID",
    "EVENT_TYPES",
    "EXPANDED_STATUSES",
    "EXPUNGE",
    "GET_IF_EXISTS",
    "INCLUDE_ARCHIVED",
    "ITERATOR",
    "LIMIT",
    "MAX_LIMIT",
    "MSG_ID",
    "NAME_PATTERN",
    "ORDER",
    "SINCE",
    "STATE",
    "STATES",
    "STATUS",
    "STATUS_CODE",
    "STATUS_CODE_CLASS",
    "UNTIL",
    "WITH_CONTENT",
    "WITH_SCHEMAS",
    "Parameter",
]

ValueT = TypeVar("ValueT")

DEFAULT_LIMIT = 50
MAX_LIMIT = 250
STATES = ("ready", "waiting", "sending", "succeeded", "failed", "held", "cancelled")
"""The states of a delivery, as the API names them."""
CURSOR_RULE = "write the iterator or prevIterator of a page of this list as it came"

_DIGITS = re.compile(r"[0-9]{1,9}\Z")
_MAX_CURSOR = 520
_MAX_NAMES = 250
_MAX_CHANNEL = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter(Generic[ValueT]):
    """A query parameter. ``read`` makes a value of a text, or raises ValueError with the rule.

    One that is ``many`` may be repeated and takes commas; of the others the last counts.
    """

    name: str
    description: str
    schema: Mapping[str, object]
    default: ValueT
    read: Callable[[str], ValueT] = field(repr=False)
    many: bool = False


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not _DIGITS.match(text) or not low <= int(text) <= high:
            raise ValueError(f"this must be a whole number from {low} to {high}")
        return int(text)

    return read


def _flag(name: str, description: str, *, default: bool) -> Parameter[bool]:
    def read(text: str) -> bool:
        if text not in {"true", "false"}:
            raise ValueError("write true or false")
        return text == "true"

    schema: dict[str, object] = {"type": "boolean", "default": default}
    return Parameter(name=name, description=description, schema=schema, default=default, read=read)


def _number_of(allowed: Sequence[int]) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not _DIGITS.match(text) or int(text) not in allowed:
            raise ValueError(f"write one of {', '.join(map(str, allowed))}")
        return int(text)

    return read


def _one_of(allowed: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"write one of {', '.join(allowed)}")
        return text

    return read


def _name_up_to(longest: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not is_name(text, longest):
            raise ValueError(name_rule(longest))
        return text

    return read


def _cursor(text: str) -> str | None:
    bare = text[1:] if text.startswith(("-", "~")) else text
    if bare and not is_name(bare, _MAX_CURSOR):
        raise ValueError(CURSOR_RULE)
    return text if bare else None


def _names(text: str) -> tuple[str, ...] | None:
    names = tuple(dict.fromkeys(filter(None, text.split(","))))
    if len(names) > _MAX_NAMES or not all(is_name(name) for name in names):
        raise ValueError(f"at most {_MAX_NAMES} names, separated by commas, each {name_rule()}")
    return names or None


def _moment(name: str, description: str) -> Parameter[int | None]:
    schema: dict[str, object] = {"type": "string", "format": "date-time"}
    return Parameter(
        name=name, description=description, schema=schema, default=None, read=moment_ms
    )


_NAME_SCHEMA: dict[str, object] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME,
    "pattern": NAME_PATTERN,
}
_CHANNEL_SCHEMA: dict[str, object] = {**_NAME_SCHEMA, "maxLength": _MAX_CHANNEL}

LIMIT = Parameter(
    name="limit",
    description="How many items a page has at most.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    default=DEFAULT_LIMIT,
    read=_whole(1, MAX_LIMIT),
)
ITERATOR: Parameter[str | None] = Parameter(
    name="iterator",
    description="Where to go on: a page's `iterator` for the next, its `prevIterator` to go back.",
    schema={"type": "string", "maxLength": _MAX_CURSOR, "pattern": "^[-~]?[a-zA-Z0-9\\-_.]*$"},
    default=None,
    read=_cursor,
)
ORDER = Parameter(
    name="order",
    description="The order of the list.",
    schema={"type": "string", "enum": ["ascending", "descending"], "default": "ascending"},
    default="ascending",
    read=_one_of(("ascending", "descending")),
)
BEFORE = _moment("before", "Only what was made before this time.")
AFTER = _moment("after", "Only what was made after this time.")
SINCE = _moment("since", "The beginning of the time to count, by default 28 days before its end.")
UNTIL = _moment("until", "The end of the time to count, by default now.")
WITH_CONTENT = _flag("with_content", "Whether payloads and responses are included.", default=True)
WITH_SCHEMAS = _flag("with_content", "Whether schemas are included.", default=False)
INCLUDE_ARCHIVED = _flag(
    "include_archived", "Whether archived event types are listed too.", default=False
)
EXPUNGE = _flag(
    "expunge", "Whether the event type is removed for good, not archived.", default=False
)
GET_IF_EXISTS = _flag(
    "get_if_exists",
    "Whether an application that has the uid already is returned, with status 200.",
    default=False,
)
STATUS: Parameter[int | None] = Parameter(
    name="status",
    description="Only those that succeeded (0), are pending (1), failed (2), are being sent (3) or "
    "were cancelled (4; they are among those of 2 unless `expanded_statuses` is true).",
    schema={"type": "integer", "enum": [0, 1, 2, 3, 4]},
    default=None,
    read=_number_of((0, 1, 2, 3, 4)),
)
EXPANDED_STATUSES = _flag(
    "expanded_statuses",
    "Whether what was cancelled has a status of its own, 4 `canceled`, instead of 2 `fail`.",
    default=False,
)
STATUS_CODE_CLASS: Parameter[int | None] = Parameter(
    name="status_code_class",
    description="Only answers of this class: 200 is 200 to 299; 0 is no answer at all.",
    schema={"type": "integer", "enum": [0, 100, 200, 300, 400, 500]},
    default=None,
    read=_number_of((0, 100, 200, 300, 400, 500)),
)
STATUS_CODE: Parameter[int | None] = Parameter(
    name="status_code",
    description="Only deliveries whose newest attempt got this HTTP status; 0 is no answer at all.",
    schema={"type": "integer", "minimum": 0, "maximum": 599},
    default=None,
    read=_whole(0, 599),
)
STATE: Parameter[str | None] = Parameter(
    name="state",
    description="Only deliveries in this state.",
    schema={"type": "string", "enum": list(STATES)},
    default=None,
    read=_one_of(STATES),
)
CHANNEL: Parameter[str | None] = Parameter(
    name="channel",
    description="Only messages in this channel.",
    schema=_CHANNEL_SCHEMA,
    default=None,
    read=_name_up_to(_MAX_CHANNEL),
)
EVENT_TYPES: Parameter[tuple[str, ...] | None] = Parameter(
    name="event_types",
    description="Only messages of these event types, separated by commas.",
    schema={"type": "array", "items": _NAME_SCHEMA, "uniqueItems": True, "maxItems": _MAX_NAMES},
    default=None,
    read=_names,
    many=True,
)
ENDPOINT_ID: Parameter[str | None] = Parameter(
    name="endpoint_id",
    description="Only those of the endpoint with this id or uid.",
    schema=_NAME_SCHEMA,
    default=None,
    read=_name_up_to(MAX_NAME),
)
MSG_ID: Parameter[str | None] = Parameter(
    name="msg_id",
    description="Only those of the message with this id or event id.",
    schema=_NAME_SCHEMA,
    default=None,
    read=_name_up_to(MAX_NAME),
)
