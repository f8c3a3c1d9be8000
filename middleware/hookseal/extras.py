"""Commands that may want an extra that is not installed.

Knows how a missing package is told. Must not know any command, nor import what an extra brings.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["run_command"]

_UNUSABLE = 2


def run_command(
    name: str,
    extra: str,
    load: Callable[[], Callable[[Sequence[str] | None], int]],
    given: Sequence[str] | None = None,
) -> int:
    """Run what ``load`` imports and return its exit status, 2 if a package of ``extra`` is missing.

    The command itself may import what it needs only once it knows that. ``given`` are its
    arguments, None for those of the process.
    """
    try:
        return int(load()(given))
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"{name}: {error.name} is not installed. Run pip install 'hookseal[{extra}]'\n"
        )
        return _UNUSABLE
