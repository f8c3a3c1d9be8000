"""What the API says about endpoints: their settings, headers, secrets and counts.

Knows field names, rules and meanings. Must not know how a body is read or rendered.
"""

from __future__ import annotations

from hookseal_sender.api.components.build import (
    Schema,
    count,
    flag,
    mapping,
    moment,
    nullable,
    optional,
    reply,
    request,
    schema,
    shown_as,
    text,
    texts,
    words,
)
from hookseal_sender.api.components.shared import (
    CREATED,
    ENDPOINT_ID,
    EVENT_PATTERN,
    EVENT_TYPE,
    METADATA,
    OLD_NAME,
    UPDATED,
    channels,
    throttle,
    uid,
)

__all__ = ["ENDPOINTS", "SETTINGS"]

_SECRET = text(
    "The signing secret: `whsec_` and the base64 of 24 to 64 bytes, or, for signatures of kind "
    "v1a, `whsk_` and that of an ed25519 private key.",
    "whsec_Vz3wi8XpF2PF1YQ06k0MlGvTUc4b/mZpeV/Fir/uLwE=",
    maxLength=200,
    pattern=r"^(whsec_|whsk_)?[a-zA-Z0-9+/]{32,}={0,2}$",
)

_THROTTLE = throttle("the endpoint")
_EVENT_TYPES = nullable(
    texts(
        "The event types it gets: names, or `invoice.*` for all below `invoice`, or `*`.",
        ["invoice.*"],
        items={"minLength": 1, "maxLength": 258, "pattern": EVENT_PATTERN},
        minItems=1,
        maxItems=1000,
    ),
    "Null: every one.",
)

SETTINGS: dict[str, Schema] = {
    "url": text(
        "Where messages are posted: `https://` or `http://`, without user name and password, not "
        "an address inside the sender's own network.",
        "https://api.acme.example/webhooks",
        format="uri",
        minLength=1,
        maxLength=65536,
    ),
    "name": text(
        "What people call it; left out, it is the description or the host of the URL.",
        "Billing",
        minLength=1,
        maxLength=256,
    ),
    "description": text("What it is for.", "Books paid invoices", maxLength=65536, default=""),
    "uid": uid("ep", "acme-billing", "Your own identifier of the endpoint."),
    "eventTypes": _EVENT_TYPES,
    "channels": channels(
        "The channels it gets: a message must be in one of them. Null: every message.", 10
    ),
    "disabled": flag("Whether deliveries are held instead of sent.", default=False),
    "throttleRate": _THROTTLE,
    "retrySchedule": nullable(
        schema(
            "array",
            "Seconds before each retry, first to last; each is varied by up to 20 %.",
            [5, 300, 1800],
            items={"type": "number", "minimum": 1, "maximum": 604800},
            maxItems=20,
        ),
        "Null: the sender's own schedule.",
    ),
    "timeout": nullable(
        schema(
            "number",
            "Seconds that one attempt may take in all.",
            10,
            minimum=1,
            maximum=60,
        ),
        "Null: the sender's own limit.",
    ),
    "metadata": METADATA,
}

_OLD_NAMES = {
    "filterTypes": {**_EVENT_TYPES, **OLD_NAME},
    "rateLimit": {**_THROTTLE, **OLD_NAME},
}
_HEADERS = mapping(
    "Header names and values that every delivery carries, at most 50; not those that the sender "
    "itself sets, such as `Host`, `Content-...` and `Webhook-...`.",
    {"X-Region": "eu-1"},
    {"type": "string", "maxLength": 4096},
)


def _none_now(found: Schema, meaning: str) -> Schema:
    """Return what an endpoint that is well does not have; ``meaning`` tells what null says."""
    return shown_as(nullable(found, f"Null: {meaning}"), None)


ENDPOINT: dict[str, Schema] = {
    "id": ENDPOINT_ID,
    **optional(SETTINGS),
    "disabledReason": _none_now(
        words(
            "Why it is disabled: by a caller, because it answered 410, or failed for too long.",
            ["by_caller", "gone", "failing"],
        ),
        "it is not.",
    ),
    "failingSince": _none_now(
        moment("When the first failure was behind which no success came."), "it is well."
    ),
    "pausedUntil": _none_now(
        moment("Until when it rests, because it asked for less."), "it does not rest."
    ),
    **_OLD_NAMES,
    "version": count("Always 1.", 1, **OLD_NAME),
    "createdAt": CREATED,
    "updatedAt": UPDATED,
}
"""What an endpoint has wherever one is answered."""


def _counted(which: str, example: int) -> Schema:
    return count(f"How many {which}.", example, minimum=0)


ENDPOINTS: dict[str, Schema] = {
    "EndpointIn": request(
        "An endpoint as you describe it.",
        {
            **SETTINGS,
            "secret": nullable(_SECRET, "Left out, one is made."),
            "signing": words(
                "The kind of signature when a secret is made: `v1` is HMAC with SHA-256, `v1a` is "
                "ed25519.",
                ["v1", "v1a"],
            ),
            "headers": _HEADERS,
            **_OLD_NAMES,
        },
        ["url"],
        shown=["url", "name", "uid", "eventTypes"],
    ),
    "EndpointUpdate": request(
        "The endpoint's new settings; what is left out gets its default.",
        {**SETTINGS, **_OLD_NAMES},
        ["url"],
        shown=["url", "name", "eventTypes"],
    ),
    "EndpointPatch": request(
        "What to change of an endpoint; what is left out stays.",
        optional({**SETTINGS, **_OLD_NAMES}),
        shown=["eventTypes", "throttleRate", "retrySchedule"],
    ),
    "EndpointOut": reply(
        "An endpoint: a URL of the customer that gets messages. Its secret has its own address.",
        ENDPOINT,
    ),
    "EndpointHeadersIn": request(
        "The headers that every delivery to the endpoint carries from now on.",
        {"headers": _HEADERS},
        ["headers"],
    ),
    "EndpointHeadersPatchIn": request(
        "Headers to set, and headers to take away.",
        {
            "headers": {**_HEADERS, "additionalProperties": {"type": ["string", "null"]}},
            "deleteHeaders": nullable(
                texts("Names of headers to take away.", ["X-Old"], maxItems=1000)
            ),
        },
    ),
    "EndpointHeadersOut": reply(
        "The headers of the endpoint.",
        {
            "headers": {**_HEADERS, "description": "Those whose values may be shown."},
            "sensitive": texts("The names of those whose values are hidden.", ["Authorization"]),
        },
    ),
    "EndpointSecretOut": reply(
        "The secret that signs the endpoint's deliveries.",
        {"key": _SECRET},
        {
            "publicKey": text(
                "What the customer verifies with, where signatures are of kind v1a.",
                "whpk_2ITrO3gioEW3PHIze3/TCxth4LE/O9soG6G+wcaZA5w=",
            )
        },
    ),
    "EndpointSecretRotateIn": request(
        "The new secret, and how long the old one signs too.",
        {
            "key": nullable(_SECRET, "Left out, one is made."),
            "gracePeriodSeconds": nullable(
                count(
                    "Seconds in which deliveries carry a signature of the old secret too.",
                    86400,
                    minimum=0,
                    maximum=604800,
                    default=86400,
                )
            ),
        },
        shown=["gracePeriodSeconds"],
    ),
    "EndpointStats": reply(
        "The endpoint's deliveries by state, of the messages made in the time asked for.",
        {
            "success": _counted("that succeeded", 1204),
            "pending": _counted("that wait for their next attempt, or are held", 3),
            "sending": _counted("that are being sent", 1),
            "fail": _counted("whose retries are used up", 2),
            "canceled": _counted("that were cancelled", 0),
            "held": _counted("of the pending ones are held", 0),
        },
    ),
    "EventExampleIn": request(
        "Which event to make up.",
        {
            "eventType": {
                **EVENT_TYPE,
                "examples": ["webhook.ping"],
                "description": "An event type; its payload is made of the `examples` of its "
                "schema. `svix.ping`, `hookseal.ping` and `webhook.ping` need none.",
            }
        },
        ["eventType"],
    ),
    "RecoverIn": request(
        "Which messages to send again.",
        {
            "since": moment("Messages made since this time."),
            "until": nullable(moment("Messages made before this time."), "Null: now."),
        },
        ["since"],
        shown=["since"],
    ),
    "RecoverOut": reply(
        "A recovery. Its deliveries are due when it is answered.",
        {
            "id": text("Its id.", "qtask_2ynCrXgY0dVmLk3Tz8wSaNqB5Hu"),
            "status": words("How far it is.", ["finished", "running"]),
            "task": words("What it does.", ["endpoint.recover"]),
            "updatedAt": UPDATED,
        },
    ),
}
