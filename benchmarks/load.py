"""A load client: signed requests built in advance, sent over kept connections of loopback only.

``python -m benchmarks.load PORT COUNT`` reads a secret on stdin and prints requests a second.
"""

from __future__ import annotations

import sys
import time
import uuid

import uvloop

from benchmarks.deliveries import bodies
from benchmarks.kept import post, send_all
from benchmarks.measure import pin
from hookseal import Signer

_CONNECTIONS = 16
_BODY = bodies["1 KiB"]


def _requests(secret: str, count: int) -> list[bytes]:
    signer, run, now = Signer(secret), uuid.uuid4().hex, int(time.time())
    fields = {"user-agent": "Sender/1.0", "content-type": "application/json"}
    signed = (signer.headers(f"msg_{run}{number}", now, _BODY) for number in range(count))
    return [post("/webhooks", fields | each, _BODY) for each in signed]


def main() -> None:
    """Send the requests and print the rate."""
    pin(0)
    port, count = (int(argument) for argument in sys.argv[1:])
    requests = _requests(sys.stdin.read().strip(), count)
    print(uvloop.run(send_all(port, requests, connections=_CONNECTIONS)))


if __name__ == "__main__":
    main()
