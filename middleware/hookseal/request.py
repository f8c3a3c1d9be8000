"""A request as the gate sees it, before its body.

Knows the parts of an HTTP request that decide its fate. Must not know ASGI, WSGI or sockets: each
face fills it in.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Request"]


class Request:
    """One HTTP request, its body not read yet.

    ``fields`` holds the headers that the gate asked for, by lower-case name, as received; ``peer``
    is the address at the other end of the socket, or None on a Unix socket; ``received_at`` is in
    unix seconds.
    """

    __slots__ = (
        "_find_header",
        "fields",
        "method",
        "path",
        "peer",
        "query",
        "received_at",
        "scheme",
    )

    def __init__(
        self,
        method: str,
        scheme: str,
        path: str,
        query: str,
        peer: str | None,
        fields: dict[bytes, bytes],
        received_at: float,
        find_header: Callable[[str], str | None],
    ) -> None:
        self.method = method
        self.scheme = scheme
        self.path = path
        self.query = query
        self.peer = peer
        self.fields = fields
        self.received_at = received_at
        self._find_header = find_header

    def header(self, name: str) -> str | None:
        """Return the header ``name`` in any case, or None; for secrets picked by request.

        Nothing is verified yet when secrets are picked: use it to look a tenant up, no more.
        """
        return self._find_header(name)
