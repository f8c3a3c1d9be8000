"""The settings as command line flags.

Knows argparse. Must not know what a value means.
"""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from textwrap import fill
from typing import TYPE_CHECKING

from hookseal_sender.config.catalogue import TOPICS, Setting

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterable

__all__ = ["add_flags"]

_WIDTH = 90


def add_flags(parser: ArgumentParser, settings: Iterable[Setting]) -> None:
    """Give ``parser`` a flag for each of ``settings``; of a secret the help names the variable."""
    for topic, members in groupby(settings, key=attrgetter("topic")):
        described = list(members)
        notes = "\n".join(_note(each) for each in described if each.secret)
        group = parser.add_argument_group(TOPICS[topic], notes or None)
        for setting in described:
            if not setting.secret:
                group.add_argument(
                    setting.flag,
                    metavar=setting.metavar,
                    nargs="?" if setting.switch else None,
                    const="true" if setting.switch else None,
                    help=f"{setting.help} [{setting.env}; default: {setting.default or 'none'}]",
                )


def _note(setting: Setting) -> str:
    return fill(f"{setting.env}: {setting.help}.", _WIDTH, subsequent_indent="    ")
