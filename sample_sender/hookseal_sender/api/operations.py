"""Every operation of the API.

Knows where they are declared. The routes and the OpenAPI document are made from this table.
"""

from __future__ import annotations

from hookseal_sender.api import (
    access,
    applications,
    attempts,
    deliveries,
    endpoint_keys,
    endpoints,
    event_types,
    health,
    messages,
)

__all__ = ["OPERATIONS"]

OPERATIONS = (
    *applications.OPERATIONS,
    *endpoints.OPERATIONS,
    *endpoint_keys.OPERATIONS,
    *event_types.OPERATIONS,
    *messages.OPERATIONS,
    *attempts.OPERATIONS,
    *deliveries.OPERATIONS,
    *access.OPERATIONS,
    *health.OPERATIONS,
)
