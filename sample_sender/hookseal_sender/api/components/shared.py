"""Fields that several things have.

Knows identifiers, names, times and limits as the API writes them. Must not know which thing has
which.
"""

from __future__ import annotations

from hookseal_sender.api.components.build import (
    Schema,
    count,
    mapping,
    moment,
    nullable,
    ref,
    schema,
    text,
    texts,
    words,
)
from hookseal_sender.api.names import NAME_PATTERN
from hookseal_sender.api.parameters import STATES

__all__ = [
    "APP_ID",
    "ATTEMPT_ID",
    "CHANNEL",
    "CREATED",
    "ENDPOINT_ID",
    "EVENT_PATTERN",
    "EVENT_TYPE",
    "METADATA",
    "MSG_ID",
    "NEXT_ATTEMPT",
    "OLD_NAME",
    "PAYLOAD",
    "STATE",
    "STATUS",
    "STATUS_CODE",
    "STATUS_TEXT",
    "UPDATED",
    "channels",
    "identifier",
    "throttle",
    "uid",
]

EVENT_PATTERN = r"^(\*|[a-zA-Z0-9\-_.]+|[a-zA-Z0-9\-_.]*[a-zA-Z0-9\-_]\.\*)$"
"""The rule for what an endpoint subscribes to."""
CHANNEL: Schema = {"minLength": 1, "maxLength": 128, "pattern": NAME_PATTERN}

_IDS = {
    "app": "app_2ynCnmHq1bVJ9bLmVTzNSjMMFcR",
    "ep": "ep_2ynCoXfQ3mVdPyBqJ5x0aTzcW8d",
    "msg": "msg_2ynCpRr7WkLwq0nN5sYtVbXh4Ze",
    "atmpt": "atmpt_2ynCq8Gd1cUuFjEo6RmTpKs9LxB",
}


def identifier(prefix: str, meaning: str) -> Schema:
    """Return the schema of an id made by the sender, such as ``app_`` and 27 characters."""
    return text(meaning, _IDS[prefix], pattern=f"^{prefix}_[a-zA-Z0-9]{{27}}$")


def uid(prefix: str, example: str, meaning: str) -> Schema:
    """Return the schema of a caller's own identifier, which is usable wherever an id is."""
    return nullable(
        text(
            f"{meaning} It works in every path in place of the id, must be unique, "
            f"and must not begin with `{prefix}_`.",
            example,
            minLength=1,
            maxLength=256,
            pattern=rf"^(?!{prefix}_)[a-zA-Z0-9\-_.]+$",
        )
    )


def channels(meaning: str, most: int) -> Schema:
    """Return the schema of a list of up to ``most`` channels."""
    return nullable(texts(meaning, ["project-1337"], items=CHANNEL, minItems=1, maxItems=most))


def throttle(whom: str) -> Schema:
    """Return the schema of a limit of deliveries per second."""
    limit = count(f"The most deliveries per second to {whom}.", 50, minimum=1, maximum=65535)
    return nullable(limit, "Null: no such limit.")


APP_ID = identifier("app", "The application's id, made by the sender.")
ENDPOINT_ID = identifier("ep", "The endpoint's id, made by the sender.")
MSG_ID = identifier("msg", "The message's id: each of its deliveries carries it as `webhook-id`.")
ATTEMPT_ID = identifier("atmpt", "The attempt's id, made by the sender.")
CREATED = moment("When it was made.")
UPDATED = moment("When it was last changed.")
METADATA = mapping(
    "Texts of your own, kept and given back as they are; at most 4096 bytes in all.",
    {"region": "eu"},
    {"type": "string"},
)
OLD_NAME = {"deprecated": True}
"""Marks a field that older SDKs read or send; it says what another one says."""
EVENT_TYPE = text(
    "What happened: the name of an event type.",
    "invoice.paid",
    minLength=1,
    maxLength=256,
    pattern=NAME_PATTERN,
)
PAYLOAD = schema(
    "object",
    "The event itself, which endpoints get as the body.",
    {"invoice": "in_4821", "amount": 1999, "currency": "EUR"},
)
STATUS = ref("MessageStatus")
STATUS_TEXT = ref("MessageStatusText")
STATUS_CODE = count("The HTTP status that the endpoint answered; 0 if no answer came.", 503)
NEXT_ATTEMPT = nullable(
    moment("When the next attempt is due.", "2026-11-24T09:35:04.310Z"), "Null: none is planned."
)
STATE = words(
    "`ready` waits for a worker, `waiting` for the time of its next attempt, `sending` is under "
    "way, `succeeded` was answered 2xx, `failed` has used up its retries, `held` waits until the "
    "endpoint is enabled, `cancelled` was ended by somebody.",
    ["waiting", *(state for state in STATES if state != "waiting")],
)
