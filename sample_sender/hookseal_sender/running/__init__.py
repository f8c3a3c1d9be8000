"""The processes of the sender: how the parts are put together, started and stopped."""

from __future__ import annotations

from hookseal_sender.running.processes import api, serve, worker

__all__ = ["api", "serve", "worker"]
