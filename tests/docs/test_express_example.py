"""examples/express.mjs, run by Node: what a customer with Express writes to receive webhooks."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import httpx2
import pytest

from hookseal import Signer, generate_secret
from tests.node import installed
from tests.ports import free_port

pytestmark = pytest.mark.acceptance
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "express.mjs"
SECRET = generate_secret()
PAID = b'{"type":"invoice.paid"}'
_PATIENCE = 30


class Receiver:
    """The example, running."""

    def __init__(self, process, url) -> None:
        self._process = process
        self._http = httpx2.Client(base_url=url, timeout=_PATIENCE, trust_env=False)

    def wait_until_ready(self):
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            try:
                return self._http.get("/")
            except httpx2.ConnectError:
                time.sleep(0.02)
        raise AssertionError(f"it did not start: {self.stop()}")

    def send(self, body=PAID, *, secret=SECRET, at=None, **more):
        headers = Signer(secret).headers("msg_1", int(at or time.time()), body)
        return self._http.post("/webhooks", content=body, headers=headers, **more).status_code

    def post(self, **more):
        return self._http.post("/webhooks", **more).status_code

    def stop(self):
        """Stop it; return what it said."""
        self._http.close()
        self._process.terminate()
        return self._process.communicate(timeout=_PATIENCE)[0]


@pytest.fixture(scope="module")
def folder():
    """The example beside the packages that it needs."""
    one = installed(ROOT / "tests/acceptance/express_node")
    shutil.copy(EXAMPLE, one.path)
    return one


@pytest.fixture
def receiver(folder):
    port = free_port()
    process = subprocess.Popen(
        [folder.node, EXAMPLE.name],
        cwd=folder.path,
        env=os.environ | {"WEBHOOK_SECRET": SECRET, "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    one = Receiver(process, f"http://127.0.0.1:{port}")
    one.wait_until_ready()
    yield one
    if process.poll() is None:
        one.stop()


def test_the_signed_is_handled_and_the_forged_refused(receiver):
    now = time.time()
    statuses = [
        receiver.send(),
        receiver.send(secret=generate_secret()),
        receiver.send(at=now - 3600),
        receiver.post(content=PAID),
        receiver.post(),
        receiver.send(b"not JSON"),
    ]

    assert statuses == [204, 401, 401, 401, 401, 400]
    assert receiver.stop() == "handling msg_1 invoice.paid\n"


def test_without_a_secret_it_does_not_start(folder):
    done = folder.run(EXAMPLE.name, WEBHOOK_SECRET="")

    assert done.returncode != 0
    assert "Secret can't be empty" in done.stderr
