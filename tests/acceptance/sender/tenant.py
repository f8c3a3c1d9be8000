"""One application and its endpoints, over plain HTTP."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx2

from .processes import until

EVENT = "order.placed"
_PATIENCE = 30


class Tenant:
    """An application of its own behind a client of the API."""

    def __init__(self, api: httpx2.Client) -> None:
        self._api = api
        self.app_id: str = self.created("/app", name="Acme")["id"]
        self._path = f"/app/{self.app_id}"

    def endpoint(self, url: str, **fields: object) -> str:
        """Return the id of a new endpoint."""
        made: str = self.created(f"{self._path}/endpoint", url=url, **fields)["id"]
        return made

    def publish(self) -> str:
        """Publish what says when it was sent; return the message's id."""
        event = {"eventType": EVENT, "payload": {"sent": time.time()}}
        response = self._api.post(f"{self._path}/msg", json=event)
        assert response.status_code == 202, response.text
        msg_id: str = response.json()["id"]
        return msg_id

    def attempts(self, msg_id: str, count: int = 1) -> Mapping[str, Any]:
        """Wait until ``count`` attempts are logged; return the newest of each endpoint."""
        for _ in until(_PATIENCE, f"{count} attempts are logged", 0.1):
            page = self._api.get(f"{self._path}/attempt/msg/{msg_id}").json()
            if len(page["data"]) >= count:
                return {each["endpointId"]: each for each in reversed(page["data"])}
        raise AssertionError

    def created(self, path: str, **fields: object) -> dict[str, Any]:
        response = self._api.post(path, json=fields)
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made
