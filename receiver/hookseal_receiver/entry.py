"""The command ``hookseal-receiver`` where its extra may be missing.

Knows the extra's name. Must not import anything that comes with it before it can be said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal.extras import run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]


def main() -> int:
    """Run the command and return its exit status, 2 if a package of its extra is missing."""
    return run_command("hookseal-receiver", "receiver", _load)


def _load() -> Callable[[Sequence[str] | None], int]:
    from hookseal_receiver.cli import main as run  # noqa: PLC0415 # see above

    return run
