"""The settings, each described once: flags, environment variables, a file, defaults and help.

The only package that reads the environment. Must not know what the settings are used for.
"""

from __future__ import annotations

from hookseal_sender.config.catalogue import SETTINGS, Setting, settings_of
from hookseal_sender.config.flags import add_flags
from hookseal_sender.config.loading import load
from hookseal_sender.config.settings import Settings

__all__ = ["SETTINGS", "Setting", "Settings", "add_flags", "load", "settings_of"]
