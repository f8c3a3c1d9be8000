"""Keys kept in files beside the database.

Knows files and their modes. Must not know what a key signs or seals, and never shows one.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from hookseal_sender.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KeyKind", "key_file", "load_key"]

_KEY_BYTES = 32


class KeyKind(Enum):
    """What a key is for; the value ends the name of its file."""

    TOKEN = "token-key"  # signs API tokens  # noqa: S105 # the end of a file's name
    ENCRYPTION = "encryption-key"  # seals signing secrets

    @property
    def loss(self) -> str:
        """What ends when the key is lost."""
        return _LOSSES[self]

    @property
    def variable(self) -> str:
        """The environment variable that gives the key instead."""
        return f"HOOKSEAL_{self.name}_KEY"

    def __str__(self) -> str:
        return self.value.replace("-", " ")


_LOSSES = {
    KeyKind.TOKEN: "tokens made so far end",
    KeyKind.ENCRYPTION: "secrets stored so far cannot be opened",
}


def key_file(database: Path, kind: KeyKind) -> Path:
    """Return where the key of ``database`` is kept."""
    return database.with_name(f"{database.name}.{kind.value}")


def load_key(path: Path, kind: KeyKind) -> bytes:
    """Return the key in ``path``, made on first use and readable by its owner only.

    Raises :class:`~hookseal_sender.errors.StartError` if it cannot be read or made.
    """
    try:
        if not path.exists():
            _make(path)
        key = bytes.fromhex(path.read_text("ascii").strip())
    except OSError as error:
        raise StartError(
            f"{kind} {path}: {error.strerror}; is the folder writable, the file readable?"
        ) from None
    except ValueError:
        key = b""
    if len(key) < _KEY_BYTES:
        raise StartError(
            f"{kind} {path}: the file does not hold a key; restore it, or remove it to have a new "
            f"one made ({kind.loss})"
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
