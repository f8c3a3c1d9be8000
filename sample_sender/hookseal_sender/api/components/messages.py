"""What the API says about messages, their deliveries and attempts.

Knows field names, rules and meanings. Must not know how a body is read or rendered.
"""

from __future__ import annotations

from hookseal_sender.api.components.build import (
    Schema,
    count,
    listing,
    mapping,
    moment,
    nullable,
    nullable_ref,
    ref,
    reply,
    request,
    shown_as,
    text,
    words,
)
from hookseal_sender.api.components.endpoints import ENDPOINT, SETTINGS
from hookseal_sender.api.components.shared import (
    ATTEMPT_ID,
    ENDPOINT_ID,
    EVENT_TYPE,
    MSG_ID,
    NEXT_ATTEMPT,
    OLD_NAME,
    PAYLOAD,
    STATE,
    STATUS,
    STATUS_CODE,
    STATUS_TEXT,
    channels,
    uid,
)

__all__ = ["EVENT_ID", "MESSAGES"]

EVENT_ID = uid("msg", "evt-in_4821-paid", "Your own identifier of the event.")
_CHANNELS = channels("The channels it is in; endpoints with channels want one of them.", 5)
_ACCEPTED = moment("When it was accepted.")

_MESSAGE: dict[str, Schema] = {
    "id": MSG_ID,
    "eventId": EVENT_ID,
    "eventType": EVENT_TYPE,
    "payload": {
        **PAYLOAD,
        "description": "The event itself; empty where content was not asked for, "
        '`{"expired": true}` once it was removed.',
    },
    "channels": _CHANNELS,
    "tags": {"type": "null", "description": "Always null.", "examples": [None], **OLD_NAME},
    "timestamp": _ACCEPTED,
}
_RAW: dict[str, Schema] = {
    "contentType": text("The type of a payload that is not JSON.", "application/xml"),
    "rawPayload": text("A payload that is not JSON, as it is delivered.", "<paid/>"),
}
_STANDING: dict[str, Schema] = {
    "state": STATE,
    "status": shown_as(STATUS, 1),
    "statusText": shown_as(STATUS_TEXT, "pending"),
    "nextAttempt": NEXT_ATTEMPT,
}
_RAW_IN: Schema = request(
    "For a body that is not this JSON: what to deliver instead of `payload`.",
    {
        "rawPayload": nullable(text("The exact body to deliver.", "<paid/>")),
        "headers": nullable(
            mapping("`content-type`, the type of that body.", {"content-type": "application/xml"})
        ),
    },
)

MESSAGES: dict[str, Schema] = {
    "MessageIn": request(
        "An event to deliver.",
        {
            "eventType": EVENT_TYPE,
            "payload": PAYLOAD,
            "eventId": EVENT_ID,
            "channels": _CHANNELS,
            "payloadRetentionPeriod": count(
                "Days until the payload is removed.", 90, minimum=5, maximum=90, default=90
            ),
            "payloadRetentionHours": nullable(
                count("The same in hours, instead.", 24, minimum=1, maximum=2160),
                "Null: as payloadRetentionPeriod says.",
            ),
            "deliverAt": nullable(
                moment("When to make the first attempts.", "2026-11-25T08:00:00Z"), "Null: now."
            ),
            "transformationsParams": nullable(_RAW_IN),
            "application": nullable_ref(
                "ApplicationIn",
                "Makes the application first, under the uid of the path, if there is none.",
            ),
        },
        ["eventType", "payload"],
        shown=["eventType", "payload", "eventId"],
    ),
    "MessageOut": reply("A message: one event that was accepted.", _MESSAGE, _RAW),
    "MessageStatus": words(
        "How a message stands with an endpoint: 0 it succeeded, 1 it waits, 2 it failed for good, "
        "3 it is being sent, 4 it was cancelled (2 unless asked for by `expanded_statuses`). A "
        "delivery's `state` tells more.",
        [0, 1, 2, 3, 4],
    ),
    "MessageStatusText": words(
        "The status in a word.", ["success", "pending", "fail", "sending", "canceled"]
    ),
    "MessageAttemptTriggerType": words(
        "Why the attempt was made: 0 by publishing or by the schedule, 1 because somebody asked.",
        [0, 1],
    ),
    "MessageAttemptOut": reply(
        "An attempt: one HTTP request to an endpoint, and what was answered.",
        {
            "id": ATTEMPT_ID,
            "msgId": MSG_ID,
            "endpointId": ENDPOINT_ID,
            "eventType": EVENT_TYPE,
            "url": SETTINGS["url"],
            "number": count("Which attempt of the delivery it was, from 1.", 2, minimum=1),
            "status": shown_as(STATUS, 2),
            "statusText": shown_as(STATUS_TEXT, "fail"),
            "triggerType": ref("MessageAttemptTriggerType"),
            "responseStatusCode": STATUS_CODE,
            "responseDurationMs": count("Milliseconds until it ended.", 87, minimum=0),
            "response": text("The beginning of the body that was answered.", "try again later"),
            "responseHeaders": listing(
                "The header fields that were answered: names and values, in order.",
                {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 2,
                    "maxItems": 2,
                    "examples": [["Retry-After", "30"]],
                },
            ),
            "reason": text("Why it ended as it did.", "answered 503"),
            "timestamp": moment("When it began."),
            "nextAttemptAt": NEXT_ATTEMPT,
        },
    ),
    "MessageEndpointOut": reply(
        "An endpoint, and how one message stands with it.",
        {**ENDPOINT, **_STANDING},
    ),
    "EndpointMessageOut": reply(
        "A message, and how it stands with one endpoint.",
        {**_MESSAGE, **_STANDING},
        _RAW,
    ),
}
