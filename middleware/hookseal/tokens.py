"""Claim tokens: bytes that no other claim has, in this process or another.

Knows how to make them cheaply. Must not know what they are used for; they are no secret.
"""

from __future__ import annotations

import itertools
import os

__all__ = ["new_token"]

_TOKEN_BYTES = 16
_START_BYTES = 15
"""Fewer, so that counting on never overflows a token."""


def _random_start() -> itertools.count[int]:
    return itertools.count(int.from_bytes(os.urandom(_START_BYTES), "big"))


_numbers = _random_start()


def new_token() -> bytes:
    """Return the next number from a random start: as unique as random bytes, and cheaper."""
    return next(_numbers).to_bytes(_TOKEN_BYTES, "big")


def _start_again() -> None:
    global _numbers  # noqa: PLW0603 # a forked child must not repeat its parent's
    _numbers = _random_start()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_start_again)
