"""Sockets that the process listens on.

Knows addresses and why one cannot be had. Must not know what is served there.
"""

from __future__ import annotations

import errno
import os
import socket

from hookseal_sender.errors import StartError

__all__ = ["address_of", "listen"]

_BACKLOG = 2048  # connections that wait while all 64 clients of a burst reconnect at once


def listen(host: str, port: int, *, setting: str = "port") -> socket.socket:
    """Return a socket that listens; ``setting`` is the flag's name that chooses another port.

    Raises :class:`~hookseal_sender.errors.StartError` if the address cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        raise StartError(
            f"cannot listen on {host} port {port}: {_reason(error)}; {_way_out(error, setting)}"
        ) from None


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, socket.gaierror):
        return error.strerror or "no such host"
    if isinstance(error, OSError) and error.errno:  # asyncio's and ours say the address again
        return os.strerror(error.errno)
    return "this is no address"


def _way_out(error: OSError | UnicodeError, setting: str) -> str:
    host = setting.replace("port", "host")
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"is another process there? Choose another with --{setting}"
    if number == errno.EACCES:
        return f"ports below 1024 are for root; choose another with --{setting}"
    return f"name an address of this machine with --{host}"


def address_of(listener: socket.socket) -> str:
    """Return the URL that reaches the socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
