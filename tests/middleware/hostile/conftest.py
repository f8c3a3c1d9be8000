import time
from types import SimpleNamespace

import pytest

import hookseal.asgi
import hookseal.environ

NOW = 1_800_000_000.0


@pytest.fixture
def stopped_clock(monkeypatch):
    """Both faces' clock of arrival, stopped at NOW."""
    clock = SimpleNamespace(time=lambda: NOW, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(hookseal.asgi, "time", clock)
    monkeypatch.setattr(hookseal.environ, "time", clock)
    return NOW
