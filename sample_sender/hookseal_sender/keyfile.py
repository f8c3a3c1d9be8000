"""The key that signs tokens: given by a setting, or kept in a file beside the database.

Knows files and their modes. Must not know what the key signs, and never shows it.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from hookseal_sender.errors import StartError

__all__ = ["key_file", "load_key"]

_KEY_BYTES = 32


def key_file(database: Path) -> Path:
    """Return where the key of ``database`` is kept."""
    return database.with_name(database.name + ".token-key")


def load_key(path: Path) -> bytes:
    """Return the key in ``path``, made on first use and readable by its owner only.

    Raises :class:`~hookseal_sender.errors.StartError` if it cannot be read or made.
    """
    try:
        if not path.exists():
            _make(path)
        key = bytes.fromhex(path.read_text("ascii").strip())
    except OSError as error:
        raise StartError(
            f"token key {path}: {error.strerror}; is the folder writable, the file readable?"
        ) from None
    except ValueError:
        key = b""
    if len(key) < _KEY_BYTES:
        raise StartError(
            f"token key {path}: the file does not hold a key; remove it to have a new one made "
            "(tokens made so far end), or restore it"
        )
    return key


def _make(path: Path) -> None:
    """Write the key whole before it gets its name, so that nobody reads half of one."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_KEY_BYTES) + "\n")
    with suppress(FileExistsError):  # another process was first: its key counts
        os.link(draft, path)
    draft.unlink()
