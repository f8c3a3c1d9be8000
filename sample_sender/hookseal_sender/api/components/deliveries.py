"""What the API says about deliveries: our addition to the Svix API.

Knows field names, rules and meanings. Must not know how a body is read or rendered.
"""

from __future__ import annotations

from hookseal_sender.api.components.build import (
    Schema,
    count,
    moment,
    nullable,
    reply,
    request,
    texts,
)
from hookseal_sender.api.components.shared import (
    ENDPOINT_ID,
    EVENT_TYPE,
    MSG_ID,
    NEXT_ATTEMPT,
    STATE,
    STATUS_CODE,
)
from hookseal_sender.api.names import NAME_PATTERN

__all__ = ["DELIVERIES"]


def _counted(what: str, example: int) -> Schema:
    return count(f"How many deliveries {what}.", example, minimum=0)


DELIVERIES: dict[str, Schema] = {
    "DeliveryOut": reply(
        "A delivery: one message to one endpoint.",
        {
            "msgId": MSG_ID,
            "endpointId": ENDPOINT_ID,
            "eventType": EVENT_TYPE,
            "state": STATE,
            "attempts": count("How many attempts were made.", 2, minimum=0),
            "nextAttemptAt": NEXT_ATTEMPT,
            "lastStatusCode": nullable(
                {
                    **STATUS_CODE,
                    "description": "The HTTP status of the newest attempt; 0 if no answer came.",
                },
                "Null before the first.",
            ),
            "lastAttemptAt": nullable(
                moment("When the newest attempt began."), "Null before the first."
            ),
            "timestamp": moment("When the message was accepted."),
        },
    ),
    "ReplayIn": request(
        "Which of the endpoint's messages to send again; each condition narrows it.",
        {
            "since": moment("Messages made since this time."),
            "until": nullable(moment("Messages made before this time."), "Null: now."),
            "state": nullable({**STATE, "examples": ["failed"]}),
            "statusCode": nullable(
                count(
                    "The HTTP status of the newest attempt; 0 if no answer came.",
                    503,
                    minimum=0,
                    maximum=599,
                )
            ),
            "eventTypes": nullable(
                texts(
                    "Event types, by name.",
                    ["invoice.paid"],
                    items={"minLength": 1, "maxLength": 256, "pattern": NAME_PATTERN},
                    minItems=1,
                    maxItems=250,
                )
            ),
        },
        ["since"],
        shown=["since", "state"],
    ),
    "ReplayOut": reply("What was begun.", {"deliveries": _counted("will be sent again", 14)}),
    "ResumeIn": request(
        "What of the held deliveries to send.",
        {
            "since": nullable(
                moment("Messages made since this time; those before are cancelled."),
                "Null: all of them.",
            )
        },
        shown=["since"],
    ),
    "ResumeOut": reply("What was resumed.", {"deliveries": _counted("are sent now", 3)}),
    "CancelOut": reply("What was cancelled.", {"deliveries": _counted("were cancelled", 1)}),
}
