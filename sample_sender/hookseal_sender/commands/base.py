"""What a command is, and how it speaks.

Knows arguments, settings and streams. Must not know any particular command.

A command imports what it runs when it runs, so that ``--help`` is quick and ``token`` waits for no
web server.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hookseal_sender.config import load

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from hookseal_sender.config import Settings

__all__ = ["Command", "no_arguments", "say", "settings_from", "warn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command. ``run`` returns its exit status, or raises a SenderError that says why it can't.

    ``summary`` is one line, ``description`` ends in examples; ``add_arguments`` adds what is not a
    setting.
    """

    name: str
    summary: str
    description: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]


def no_arguments(_parser: ArgumentParser) -> None:
    """Add nothing: the settings are all there is."""


def settings_from(flags: Namespace) -> Settings:
    """Return the settings; what is unsafe is said on the error stream."""
    return load(flags, warn=warn)


def say(text: str) -> None:
    """Say it to whoever or whatever reads the output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """Say it on the error stream."""
    sys.stderr.write(f"hookseal-sender: {text}\n")
