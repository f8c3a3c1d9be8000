"""The command ``hookseal-sender`` where its extra may be missing.

Knows the extra's name. Must not import anything that comes with it before it can say so.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_UNUSABLE = 2


def main() -> int:
    """Run the command and return its exit status, 2 if a package of its extra is missing."""
    try:
        from hookseal_sender.cli import main as run  # noqa: PLC0415 # see above
    except ModuleNotFoundError as error:
        print(
            f"hookseal-sender: {error.name} is not installed. Run pip install 'hookseal[sender]'",
            file=sys.stderr,
        )
        return _UNUSABLE
    return run()
