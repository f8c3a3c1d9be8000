"""Reading a query string by the parameters that an operation declares.

Knows the syntax of queries. Must not know what a parameter means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from hookseal_sender.api.fields import InputInvalid, fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hookseal_sender.api.parameters import Parameter

__all__ = ["read_query"]


def read_query(query: bytes, parameters: Sequence[Parameter[Any]]) -> dict[str, Any]:
    """Return the values of those ``parameters`` that ``query`` has; it may have others.

    Raises InputInvalid, naming each that is bad.
    """
    if not query or not parameters:
        return {}
    texts = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    found: dict[str, Any] = {}
    errors: list[dict[str, object]] = []
    for parameter in parameters:
        given = texts.get(parameter.name)
        if given is None:
            continue
        try:
            found[parameter.name] = parameter.read(",".join(given) if parameter.many else given[-1])
        except ValueError as error:
            errors.append(fault(("query", parameter.name), str(error)))
    if errors:
        raise InputInvalid(errors)
    return found
