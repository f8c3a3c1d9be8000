"""The examples of docs/sender.md, run against a real sender."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.sender_process import PATIENCE, PROGRAM, Endpoint, environment, run, running
from tests.node import installed
from tests.ports import free_port

pytestmark = pytest.mark.acceptance
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def endpoint():
    one = Endpoint()
    one.answers.set()
    with one.serving():
        yield one


@pytest.fixture(scope="module")
def around(endpoint, tmp_path_factory):
    """The environment of the examples, in which a sender runs."""
    settings = {
        "database_url": f"sqlite:///{tmp_path_factory.mktemp('sender')}/hookseal.db",
        "allow_networks": "127.0.0.0/8",
        "port": str(free_port()),
    }
    with running("serve", **settings) as sender:
        yield environment(settings) | {
            "SENDER": sender.url,
            "TOKEN": run("token", **settings).stdout.strip(),
            "ENDPOINT": endpoint.url,
            "PATH": f"{Path(PROGRAM).parent}{os.pathsep}{os.environ['PATH']}",
            "no_proxy": "127.0.0.1",
        }


@pytest.fixture
def shell(around):
    """Run an example as a reader would, in a shell; return what it said, line by line."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")

    def run_script(name):
        script = f"set -eu; . ./sender_call.sh; . ./{name}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=EXAMPLES,
            env=around,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line]

    return run_script


def settled(around):
    """Wait until no delivery of the application is under way."""
    headers = {"authorization": f"Bearer {around['TOKEN']}"}
    with httpx2.Client(base_url=around["SENDER"], headers=headers, trust_env=False) as client:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = client.get("/api/v1/app/acme/delivery").json()["data"]
            if {each["state"] for each in found} <= {"succeeded", "failed", "cancelled"}:
                return found
            time.sleep(0.02)
    raise AssertionError("deliveries are still under way")


def test_the_scripts_do_what_the_page_says(shell, around, endpoint):
    app, made, message, _, secret = shell("sender_session.sh")
    assert (app["uid"], made["name"], message["eventType"]) == ("acme", "Billing", "invoice.paid")
    assert secret["key"].startswith("whsec_")
    (delivered,) = settled(around)
    assert (delivered["msgId"], delivered["state"]) == (message["id"], "succeeded")

    changed, headers, rotated = shell("sender_endpoint.sh")
    assert (changed["timeout"], changed["retrySchedule"]) == (10, [5, 60, 600, 3600])
    assert headers == {"headers": {"X-Region": "eu"}, "sensitive": ["Authorization"]}
    assert rotated["key"] not in {secret["key"], None}

    event_type, example = shell("sender_event_type.sh")
    assert event_type["enforced"] is True
    assert example["payload"] == {"invoice": "in_4821", "amount": 1999}
    settled(around)

    failed, resent, recovered, *rest = shell("sender_recover.sh")
    assert (failed["data"], resent) == ([], {})
    assert recovered["task"] == "endpoint.recover"
    replayed, disabled, held, resumed, cancelled = rest
    assert replayed["deliveries"] >= 1
    assert disabled["disabled"] is True
    assert resumed["deliveries"] == len(held["data"])
    assert set(cancelled) == {"deliveries"}

    (link,) = shell("console_link.sh")
    assert httpx2.get(link["url"], trust_env=False).status_code == 303
    assert link["token"].count(".") == 2

    ourselves, ours = shell("sender_operational.sh")
    assert ourselves["uid"].startswith("org_")
    assert ours["eventTypes"] == ["endpoint.disabled", "message.attempt.exhausted"]
    assert b'{"invoice": "in_4821"}' in endpoint.bodies


def test_the_python_package_is_a_client(around, endpoint):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "sender_client.py"],
        env=around,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "for the customer's middleware: whsec_" in done.stdout
    assert endpoint.url in done.stdout


def test_the_package_of_node_is_a_client(around):
    sdk = installed(EXAMPLES.parent / "tests/acceptance/svix_node")
    example = sdk.path / "sender_client.mjs"
    shutil.copy(EXAMPLES / example.name, example)
    done = sdk.run(example.name, **around)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ep_")
