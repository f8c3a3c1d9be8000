"""HTTP/1.1 by hand: what no client library would send, and what came back."""

import contextlib
import socket
from dataclasses import dataclass, replace

from tests.middleware.hostile.drivers import announced
from tests.middleware.hostile.profiles import PROXIED, RUNS_PATH

TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class Response:
    """``status`` is None where the connection was closed without an answer."""

    status: int | None
    headers: dict[str, str]
    body: bytes


CLOSED = Response(None, {}, b"")


def head_of(delivery, profile=PROXIED, *extra, connection=b"close"):
    """The request line and the headers."""
    lines = [b"%b %b HTTP/1.1" % (delivery.method.encode(), delivery.path)]
    fields = [(b"Host", profile.encode() + b".test"), (b"Connection", connection)]
    fields += [*delivery.headers, *extra]
    if delivery.framing == "chunked":
        fields.append((b"Transfer-Encoding", b"chunked"))
    elif delivery.length is not None:
        fields.append((b"Content-Length", delivery.length))
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def body_of(delivery):
    if delivery.framing != "chunked":
        return delivery.body
    pieces = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in delivery.chunks if chunk]
    return b"".join(pieces) + b"0\r\n\r\n"


def connect(port):
    return socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)


def half_close(connection):
    """Tell the server that nothing more will come; it may have hung up before."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def exchange(port, delivery, profile=PROXIED):
    """Send ``delivery`` whole and return the answer."""
    with connect(port) as connection:
        # A server may answer and close before it has read everything.
        with contextlib.suppress(ConnectionError):
            connection.sendall(head_of(delivery, profile) + body_of(delivery))
            if (announced(delivery) or 0) > len(delivery.body):
                half_close(connection)
        return read_response(connection, delivery.method)


def read_response(connection, method="POST"):
    """Read one final response; 1xx ones are passed over."""
    with connection.makefile("rb") as stream, contextlib.suppress(ConnectionError):
        while True:
            response = _read_one(stream, method)
            if response.status is None or response.status >= 200:
                return response
    return CLOSED


def read_statuses(connection):
    """The status of each response that comes until the connection is closed."""
    statuses = []
    with connection.makefile("rb") as stream, contextlib.suppress(ConnectionError):
        while (response := _read_one(stream, "POST")).status is not None:
            if response.status >= 200:
                statuses.append(response.status)
    return statuses


def _read_one(stream, method):
    line = stream.readline()
    if not line:
        return CLOSED
    status = int(line.split(b" ", 2)[1])
    headers = {}
    for field in iter(stream.readline, b"\r\n"):
        if not field:
            return CLOSED
        name, _, value = field.partition(b":")
        headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    if status < 200 or status == 204 or method == "HEAD":
        return Response(status, headers, b"")
    length = headers.get("content-length")
    # Without a length the rest is read as it is: enough to look for words in.
    return Response(status, headers, stream.read(int(length)) if length else stream.read())


def runs(port):
    """How often the handler has run."""
    request = b"GET %b HTTP/1.1\r\nHost: %b.test\r\nConnection: close\r\n\r\n"
    with connect(port) as connection:
        connection.sendall(request % (RUNS_PATH.encode(), PROXIED.encode()))
        return int(read_response(connection).body)


def slow(delivery):
    """The same delivery to the handler that takes its time."""
    return replace(delivery, path=b"/slow")
