"""Whether answers are what the document says: no field more, no field less."""

import json

from jsonschema import Draft202012Validator, FormatChecker

from hookseal_sender.api.openapi import BASE, document, errors_of
from hookseal_sender.api.operations import OPERATIONS

DOCUMENT = document(OPERATIONS)


def closed(part):
    """Return the document with every object closed: it has the properties told, and no others."""
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    found = {name: closed(value) for name, value in part.items()}
    if found.get("type") == "object" and isinstance(found.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return found


CLOSED = closed(DOCUMENT)


def check(operation, response):
    """Fail unless the response is one that the document has for the operation."""
    status = response.status_code
    assert status in {*operation.replies, *errors_of(operation)}, (operation.id, status)
    item = CLOSED["paths"][f"{BASE}{operation.path}"]
    answer = item[operation.method.lower()]["responses"][str(status)]
    if "$ref" in answer:
        answer = CLOSED["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    content = answer.get("content")
    if content is None:
        assert response.content == b"", (operation.id, status)
        return
    assert response.headers["content-type"] == "application/json"
    assert_valid(response.json(), content["application/json"]["schema"])


def assert_valid(value, schema):
    """Fail unless ``value`` satisfies the schema, which may refer to the document's components."""
    root = {**schema, "components": CLOSED["components"]}
    checker = FormatChecker(formats=["date-time"])
    errors = list(Draft202012Validator(root, format_checker=checker).iter_errors(value))
    assert not errors, f"{errors[0].json_path}: {errors[0].message} in {json.dumps(value)[:500]}"
