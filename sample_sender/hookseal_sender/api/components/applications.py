"""What the API says about applications and the tokens made for them.

Knows field names, rules and meanings. Must not know how a body is read or rendered.
"""

from __future__ import annotations

from hookseal_sender.api.components.build import (
    Schema,
    count,
    nullable,
    nullable_ref,
    optional,
    reply,
    request,
    text,
    texts,
)
from hookseal_sender.api.components.shared import (
    APP_ID,
    CREATED,
    METADATA,
    OLD_NAME,
    UPDATED,
    throttle,
    uid,
)
from hookseal_sender.api.names import NAME_PATTERN

__all__ = ["APPLICATIONS", "APPLICATION_UID"]

APPLICATION_UID = uid("app", "acme", "Your own identifier of the application.")

_THROTTLE = throttle("all of its endpoints together")

_FIELDS: dict[str, Schema] = {
    "name": text("What people call it.", "Acme Corp.", minLength=1, maxLength=256),
    "uid": APPLICATION_UID,
    "plan": text(
        "The plan that the application is on. Webhooks come with `enterprise`; on any other plan "
        "its endpoints and messages answer 403 `enterprise_required`. Left out, a new application "
        "gets the sender's default plan.",
        "enterprise",
        minLength=1,
        maxLength=64,
    ),
    "throttleRate": _THROTTLE,
    "metadata": METADATA,
}
_IN = {**_FIELDS, "rateLimit": {**_THROTTLE, **OLD_NAME}}

APPLICATIONS: dict[str, Schema] = {
    "ApplicationIn": request(
        "An application as you describe it.", _IN, ["name"], ["name", "uid", "metadata"]
    ),
    "ApplicationPatch": request(
        "What to change of an application; what is left out stays.",
        optional(_IN),
        shown=["name", "throttleRate"],
    ),
    "ApplicationOut": reply(
        "An application: one customer, whose endpoints get its messages.",
        {
            "id": APP_ID,
            **optional(_IN),
            "createdAt": CREATED,
            "updatedAt": UPDATED,
        },
    ),
    "AppPortalAccessIn": request(
        "For whom a token of the application is made.",
        {
            "application": nullable_ref(
                "ApplicationIn", "Makes the application first if there is none."
            ),
            "expiry": nullable(
                count("Seconds that the token lasts.", 3600, minimum=3600, maximum=604800),
                "Null: 7 days.",
            ),
            "featureFlags": nullable(
                texts(
                    "Features whose event types the token sees.",
                    ["beta"],
                    items={"minLength": 1, "maxLength": 256, "pattern": NAME_PATTERN},
                    maxItems=10,
                )
            ),
        },
        shown=["expiry"],
    ),
    "AppPortalAccessOut": reply(
        "Access to one application.",
        {
            "url": text(
                "A magic link into the application's webhooks page; where the sender has no "
                "console, this API's reference.",
                "https://sender.example.com/console/link/eyJhcHBfaWQiOi...",
                format="uri",
            ),
            "token": text(
                "A bearer token that covers this application alone.", "eyJhbGciOiJIUzI1NiIs..."
            ),
        },
    ),
    "EmptyResponse": request("Nothing more to say.", {}),
}
