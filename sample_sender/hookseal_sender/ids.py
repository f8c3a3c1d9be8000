"""Identifiers that sort by time: a prefix and 27 base62 characters.

Knows the KSUID layout with 4 ms resolution, as Svix uses it, so that an id is also a page cursor.
Must not know a clock: the time is an argument.

Source: https://github.com/segmentio/ksuid (epoch, base62 alphabet, length).
"""

from __future__ import annotations

import os

__all__ = ["ALPHABET", "RANDOM_BYTES", "fresh_id", "make_id", "make_ids"]

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_BYTES = 15
_EPOCH_S = 1_400_000_000
_TICK_MS = 4
_TICKS_PER_S = 1000 // _TICK_MS
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
_PAIR = len(_PAIRS)
_PART = _PAIR**6  # 12 digits


def make_id(prefix: str, now_ms: int, randomness: bytes) -> str:
    """Return an id such as ``msg_2Yx...`` whose text sorts by ``now_ms`` (unix milliseconds).

    ``randomness`` is 15 bytes that nobody can guess.
    """
    seconds, remainder_ms = divmod(now_ms, 1000)
    ticks = min(remainder_ms // _TICK_MS, _TICKS_PER_S)
    head = (seconds - _EPOCH_S).to_bytes(4, "big") + ticks.to_bytes(1, "big")
    return prefix + _base62(int.from_bytes(head + randomness, "big"))


def fresh_id(prefix: str, now_ms: int) -> str:
    """Return an id that nobody can guess."""
    return make_id(prefix, now_ms, os.urandom(RANDOM_BYTES))


def make_ids(prefix: str, now_ms: int, randomness: bytes, count: int) -> list[str]:
    """Return as many ids in their order, which share ``randomness`` but for four digits.

    Who knows one of them can guess its neighbours. There are 62**4 at most.
    """
    head = make_id(prefix, now_ms, randomness)[:-4]
    return [f"{head}{_PAIRS[number // _PAIR]}{_PAIRS[number % _PAIR]}" for number in range(count)]


def _base62(number: int) -> str:
    """Return ``number`` in 27 digits, found in pairs."""
    high, low = divmod(number, _PART)
    top, middle = divmod(high, _PART)
    first, second = divmod(top, _PAIR)
    return ALPHABET[first] + _PAIRS[second] + _six_pairs(middle) + _six_pairs(low)


def _six_pairs(number: int) -> str:
    number, sixth = divmod(number, _PAIR)
    number, fifth = divmod(number, _PAIR)
    number, fourth = divmod(number, _PAIR)
    number, third = divmod(number, _PAIR)
    first, second = divmod(number, _PAIR)
    return (
        _PAIRS[first]
        + _PAIRS[second]
        + _PAIRS[third]
        + _PAIRS[fourth]
        + _PAIRS[fifth]
        + _PAIRS[sixth]
    )
