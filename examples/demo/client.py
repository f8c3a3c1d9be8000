"""The two sides as the demo talks to them: the sender's API, and the receiver's endpoint."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 10


class SenderApi:
    """The sender's REST API."""

    def __init__(self, base: str, token: str) -> None:
        self._base = base + "/api/v1"
        self._token = token

    def get(self, path: str) -> Any:
        """Return the JSON at ``path``."""
        return self._call(path, None)

    def post(self, path: str, value: Mapping[str, object]) -> Any:
        """Create ``value`` and return what the API says of it."""
        return self._call(path, json.dumps(value).encode())

    def _call(self, path: str, body: bytes | None) -> Any:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        request = urllib.request.Request(self._base + path, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as reply:
            return json.load(reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the receiver answered to one delivery."""

    status: int
    code: str
    replayed: bool


class Endpoint:
    """The receiver's endpoint, as somebody on the network reaches it."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self._url = urlsplit(url)
        self._context = context

    def deliver(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one delivery."""
        connection = self._connect()
        connection.request("POST", self._url.path, body, dict(headers))
        return self._answer(connection)

    def announce(self, headers: Mapping[str, str], length: int) -> Answer:
        """Send a delivery's headers only, and see what is said before the body comes."""
        connection = self._connect()
        connection.putrequest("POST", self._url.path)
        for name, value in {**headers, "content-length": str(length)}.items():
            connection.putheader(name, value)
        connection.putheader("expect", "100-continue")
        connection.endheaders()
        return self._answer(connection)

    def handled(self, path: str) -> list[str]:
        """Return the ids of the events that took effect, as the receiver lists them."""
        connection = self._connect()
        connection.request("GET", path)
        reply = connection.getresponse()
        ids = [one["id"] for one in json.load(reply)["data"]]
        connection.close()
        return ids

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
        return http.client.HTTPSConnection(
            host, port, timeout=_TIMEOUT_SECONDS, context=self._context
        )

    def _answer(self, connection: http.client.HTTPConnection) -> Answer:
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        problem = reply.getheader("content-type") == "application/problem+json"
        return Answer(
            status=reply.status,
            code=json.loads(content)["code"] if problem else "",
            replayed=reply.getheader("webhook-replayed") == "true",
        )
