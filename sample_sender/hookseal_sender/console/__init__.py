"""The console: the pages on which a platform's customers make webhooks and see how they do."""

from __future__ import annotations

from hookseal_sender.console.app import ConsoleSettings, create_console
from hookseal_sender.console.playing import Playing

__all__ = ["ConsoleSettings", "Playing", "create_console"]
