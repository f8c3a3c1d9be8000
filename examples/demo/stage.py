"""The set: sender and receiver running, an endpoint registered between them."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .certificate import write_certificate
from .client import Endpoint, SenderApi
from .processes import DemoError, Process, free_ports

_DEADLINE_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Both sides, ready."""

    sender_url: str
    endpoint_url: str
    plain_url: str
    app: str
    token: str
    secret: str
    certificate: Path
    api: SenderApi
    endpoint: Endpoint
    plain_endpoint: Endpoint


@contextlib.contextmanager
def set_up(folder: Path) -> Iterator[Stage]:
    """Start both sides in ``folder`` and stop them at the end."""
    certificate, key = write_certificate(folder)
    sender_port, port, plain_port = free_ports(3)
    url = f"https://127.0.0.1:{port}/webhooks"
    database = f"sqlite:///{folder}/hookseal.db"
    with contextlib.ExitStack() as stack:
        sender = Process(
            "hookseal-sender",
            ["serve"],
            folder,
            HOOKSEAL_DATABASE_URL=database,
            HOOKSEAL_PORT=str(sender_port),
            HOOKSEAL_ALLOW_NETWORKS="127.0.0.0/8",
            HOOKSEAL_RETRY_SCHEDULE="1,1,1",
            SSL_CERT_FILE=str(certificate),
        )
        stack.callback(sender.stop)
        sender.wait_for(sender_port)
        token = _token(database)
        api = SenderApi(f"http://127.0.0.1:{sender_port}", token)
        app, secret = _register(api, url)
        receiver = Process(
            "hookseal-receiver",
            [
                *("--port", str(port), "--certfile", str(certificate), "--keyfile", str(key)),
                *("--plain-port", str(plain_port), "--fail-first", "1"),
            ],
            folder,
            HOOKSEAL_SECRET=secret,
        )
        stack.callback(receiver.stop)
        receiver.wait_for(port)
        receiver.wait_for(plain_port)
        context = ssl.create_default_context(cafile=str(certificate))
        plain_url = f"http://127.0.0.1:{plain_port}/webhooks"
        yield Stage(
            sender_url=f"http://127.0.0.1:{sender_port}",
            endpoint_url=url,
            plain_url=plain_url,
            app=app,
            token=token,
            secret=secret,
            certificate=certificate,
            api=api,
            endpoint=Endpoint(url, context),
            plain_endpoint=Endpoint(plain_url, context),
        )


def wait_until(what: str, happened: Callable[[], bool]) -> None:
    """Wait for something that the other processes do."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise DemoError(f"{what} did not happen within {_DEADLINE_SECONDS} s")
        time.sleep(0.1)


def _token(database: str) -> str:
    command = Path(sys.executable).with_name("hookseal-sender")
    output = subprocess.run(
        [command, "token", "--database-url", database], check=True, capture_output=True, text=True
    )
    return output.stdout.split()[-1]


def _register(api: SenderApi, url: str) -> tuple[str, str]:
    """Create an application with one endpoint; return its id and the endpoint's secret."""
    app = api.post("/app", {"name": "ACME"})["id"]
    endpoint = api.post(
        f"/app/{app}/endpoint",
        {"name": "Orders", "url": url, "eventTypes": ["order.*", "invoice.paid"]},
    )["id"]
    return app, api.get(f"/app/{app}/endpoint/{endpoint}/secret")["key"]
