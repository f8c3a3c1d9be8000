"""Ports of this machine for servers that the tests start.

Knows which ports nobody else takes between the choice and the server's start. A port that the
system chooses may be handed out again the moment it is let go of, to any connection; these lie
below what Linux, macOS and Windows hand out, and each worker of a run has its own.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import socket

__all__ = ["free_port"]

_FIRST = 20_000
_EACH = 1_000
_WORKERS = 12
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_PORTS = list(range(_FIRST + _WORKER * _EACH, _FIRST + (_WORKER + 1) * _EACH))
random.SystemRandom().shuffle(_PORTS)  # two runs on one machine seldom meet
_ports = itertools.cycle(_PORTS)


def free_port() -> int:
    """Return a port of 127.0.0.1 at which nobody listens and that nobody else will be given."""
    for port in itertools.islice(_ports, _EACH):
        # Bound only: a process that another thread forks has a copy for a moment, and were it to
        # listen, who waits for a server at the port would take it for that.
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"none of the ports {min(_PORTS)} to {max(_PORTS)} is free")
