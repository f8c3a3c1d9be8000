"""The demonstration, run as the README says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance
ROOT = Path(__file__).parents[2]


def start_demo(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "examples.demo", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_show_ends_well_and_says_what_happened():
    demo = start_demo("--once")
    shown, errors = demo.communicate(timeout=60)

    assert demo.returncode == 0, shown + errors
    for line in (
        "500 → 200 (failed once, retried)",
        "200 stored reply",
        "401 signature_invalid",
        "401 timestamp_too_old",
        "413 body_too_large",
        "403 insecure_transport",
        "All as it should be.",
    ):
        assert line in shown
    assert "✗" not in shown


def test_it_stays_up_with_addresses_to_play_with_until_interrupted():
    demo = start_demo()
    assert demo.stdout is not None
    shown = []
    for line in demo.stdout:
        shown.append(line.strip())
        if "make a signature" in line:
            break
    link = next(line for line in shown if "/console/link/" in line)
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(link) as page:
        assert b"Orders" in page.read(), "the name of the demo's endpoint"
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=30)

    assert demo.returncode == 0


def test_a_side_that_does_not_start_ends_it_with_1_and_the_reason():
    demo = start_demo("--once", HOOKSEAL_REQUEST_TIMEOUT="soon")
    _, errors = demo.communicate(timeout=60)

    assert demo.returncode == 1
    assert "HOOKSEAL_REQUEST_TIMEOUT" in errors
