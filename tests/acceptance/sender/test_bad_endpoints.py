"""What endpoints do wrong harms nobody else and is told in plain words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ports import free_port

from .running import caller
from .tenant import Tenant

pytestmark = pytest.mark.acceptance
KEPT_BYTES = 64 * 1024
MEMORY_BYTES = 64 * 1024 * 1024
WRONG = {
    "hang": (0, "timed out after 1 s"),
    "drip": (0, "timed out after 1 s"),
    "drop": (0, "closed before an answer came"),
    "cut": (0, "closed in the middle of the answer"),
    "babble": (0, "the answer was not valid HTTP"),
    "refused": (0, "connection refused"),
    "status/301": (301, "the endpoint answered 301; redirects are not followed"),
    "status/404": (404, "the endpoint answered 404"),
    "status/410": (410, "which disables it"),
    "status/429": (429, "which lets it rest"),
    "status/503": (503, "the endpoint answered 503"),
    "huge": (200, "the endpoint answered 200"),
    "ok": (200, "the endpoint answered 200"),
}
"""The status and the words of the attempt, for each kind of endpoint."""


def test_each_attempt_says_what_happened_and_the_good_endpoint_gets_all(new_sender, sink):
    sender = new_sender(request_timeout=1, retry_schedule="3600")
    serving = sender.serve()
    before = peak_bytes(serving.pid)
    with caller(serving.url, sender.token()) as api:
        tenant = Tenant(api)
        nobody = f"http://127.0.0.1:{free_port()}"
        kinds = {
            tenant.endpoint(f"{nobody if kind == 'refused' else sink.url}/{kind}/bad"): kind
            for kind in WRONG
        }
        attempts = tenant.attempts(tenant.publish(), len(WRONG))

    for endpoint_id, attempt in attempts.items():
        status, words = WRONG[kinds[endpoint_id]]
        assert attempt["responseStatusCode"] == status, attempt
        assert words in attempt["reason"], kinds[endpoint_id]
        assert len(attempt["response"].encode()) <= KEPT_BYTES
        assert attempt["responseDurationMs"] < 2000
        if status == 0:
            assert attempt["response"] == attempt["reason"]
    assert len(attempts) == len(WRONG)
    assert peak_bytes(serving.pid) < before + MEMORY_BYTES


def peak_bytes(pid):
    """Return the most memory that the process has had, 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    peak = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    return int(peak[1]) * 1024 if peak else 0
