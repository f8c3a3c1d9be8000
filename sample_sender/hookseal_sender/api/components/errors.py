"""What the API says about failures, and about its own health.

Knows field names and meanings. Must not know when which error is answered.
"""

from __future__ import annotations

from hookseal_sender.api.components.build import (
    Schema,
    listing,
    ref,
    reply,
    text,
    words,
)

__all__ = ["ERRORS"]

ERRORS: dict[str, Schema] = {
    "HttpErrorOut": reply(
        "Why a request was not carried out.",
        {
            "code": text("For programs; it stays the same.", "not_found"),
            "detail": text("For people: what is wrong and what to do.", "no such endpoint"),
        },
    ),
    "HTTPValidationError": reply(
        "What is wrong with the fields of a request.",
        {"detail": listing("Every fault that was found.", ref("ValidationErrorItem"))},
    ),
    "ValidationErrorItem": reply(
        "One fault of one field.",
        {
            "loc": {
                "type": "array",
                "description": "Where it is: `body`, `query` or `path`, and the name.",
                "items": {"type": ["string", "integer"]},
                "examples": [["body", "url"]],
            },
            "msg": text("The rule that it breaks.", "the URL must begin with https:// or http://"),
            "type": text("The kind of fault, for programs.", "value_error.url"),
        },
    ),
    "HealthOut": reply(
        "How the sender is.",
        {
            "database": reply(
                "The database.", {"status": words("Whether it answers.", ["ok", "error"])}
            )
        },
    ),
}
