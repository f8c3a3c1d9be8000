"""What the API says about event types.

Knows field names, rules and meanings. Must not know how a body is read or rendered.
"""

from __future__ import annotations

from hookseal_sender.api.components.build import (
    Schema,
    flag,
    mapping,
    nullable,
    optional,
    reply,
    request,
    text,
    texts,
)
from hookseal_sender.api.components.shared import CREATED, EVENT_TYPE, OLD_NAME, UPDATED
from hookseal_sender.api.names import NAME_PATTERN

__all__ = ["EVENT_TYPES"]

_NAME = {
    "name": {
        **EVENT_TYPE,
        "description": "Its name; a dot makes groups, which endpoints subscribe to by `invoice.*`.",
    }
}
_DESCRIPTION = {
    "description": text("When it happens, for the people who choose.", "An invoice was paid.")
}
_SETTINGS: dict[str, Schema] = {
    "archived": flag("Whether it is kept out of lists.", default=False),
    "deprecated": flag("Whether people should choose another.", default=False),
    "featureFlag": nullable(
        text(
            "A feature that it belongs to: tokens of an application see it only if they were made "
            "with this flag.",
            "beta",
            minLength=1,
            maxLength=256,
            pattern=NAME_PATTERN,
        )
    ),
    "featureFlags": nullable(
        {**texts("The same as a list of at most one.", ["beta"], maxItems=1), **OLD_NAME}
    ),
    "schemas": nullable(
        mapping(
            "JSON Schemas (draft 2020-12) of the payload by version; the highest version counts.",
            {
                "1": {
                    "type": "object",
                    "properties": {"invoice": {"type": "string"}, "amount": {"type": "integer"}},
                    "required": ["invoice"],
                    "examples": [{"invoice": "in_4821", "amount": 1999}],
                }
            },
            {"type": "object"},
        ),
        "Null: it has none.",
    ),
    "enforced": flag(
        "Whether a message is refused whose payload does not satisfy the schema; needs `schemas`.",
        default=False,
    ),
}

EVENT_TYPES: dict[str, Schema] = {
    "EventTypeIn": request(
        "An event type as you describe it.",
        {**_NAME, **_DESCRIPTION, **_SETTINGS},
        ["name", "description"],
        shown=["name", "description", "schemas"],
    ),
    "EventTypeUpdate": request(
        "The event type's new settings; what is left out gets its default.",
        {**_DESCRIPTION, **_SETTINGS},
        ["description"],
        shown=["description", "schemas", "enforced"],
    ),
    "EventTypePatch": request(
        "What to change of an event type; what is left out stays.",
        optional({**_DESCRIPTION, **_SETTINGS}),
        shown=["description"],
    ),
    "EventTypeOut": reply(
        "A kind of event that your platform publishes.",
        {
            **_NAME,
            **_DESCRIPTION,
            **optional(_SETTINGS),
            "createdAt": CREATED,
            "updatedAt": UPDATED,
        },
    ),
}
