"""The official JavaScript SDK against a running sender: see tests/acceptance/svix_node."""

from __future__ import annotations

import pytest

from tests.node import installed

from .processes import ROOT

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def sdk():
    """The SDK of the lock file, with Node from its wheel; the script beside it."""
    return installed(ROOT / "tests/acceptance/svix_node")


def test_the_sdk_does_all_that_it_can_with_an_open_source_server(sdk, sink, new_sender):
    sender = new_sender(retry_schedule="0.1")
    done = sdk.run(
        "--test",
        "sdk.test.mjs",
        SENDER_URL=sender.serve().url,
        SENDER_TOKEN=sender.token(),
        SINK_URL=sink.url,
    )
    assert done.returncode == 0, done.stdout + done.stderr
