"""Settings from a TOML file.

Knows the form of the file and who may read it. Must not know what a value means: it hands over
texts, as an environment variable would be.
"""

from __future__ import annotations

import difflib
import re
import stat
import tomllib
from typing import TYPE_CHECKING, cast

from hookseal_sender.config.catalogue import SETTINGS
from hookseal_sender.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["others_may_read_secrets", "read_file"]

_KNOWN = {each.name: each for each in SETTINGS if each.in_file}
_PASSWORD = re.compile(r"://[^/@:]*:[^@]+@|[?&](ssl)?password=", re.IGNORECASE)


def read_file(path: Path) -> dict[str, str]:
    """Return the settings in the file as texts, by name.

    Raises :class:`~hookseal_sender.errors.StartError` if the file cannot be read, is not TOML, or
    holds a name that is not a setting's; no value is ever shown.
    """
    content = _parse(path)
    for name in content:
        if name not in _KNOWN:
            raise StartError(f"config file {path}: {name!r} is not a setting{_nearest(name)}")
    return {name: _text(path, name, value) for name, value in content.items()}


def others_may_read_secrets(path: Path, found: Mapping[str, str]) -> bool:
    """Tell whether the file holds a secret while any user of the machine may read it."""
    holds = any(_KNOWN[name].secret or _PASSWORD.search(text) for name, text in found.items())
    return holds and bool(path.stat().st_mode & stat.S_IROTH)


def _parse(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise StartError(f"config file {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise StartError(f"config file {path}: it is not TOML: {_place(error)}") from None
    except (ValueError, RecursionError):
        raise StartError(f"config file {path}: it is not TOML in UTF-8") from None


def _place(error: tomllib.TOMLDecodeError) -> str:
    """Return where the error is; the rest of its text may show a value."""
    found = re.search(r"at (line \d+, column \d+|end of document)", str(error))
    return f"see {found[1]}" if found else "see its syntax"


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.replace("-", "_").lower(), _KNOWN, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(_KNOWN)}"


def _text(path: Path, name: str, value: object) -> str:
    if isinstance(value, list):
        parts = cast("list[object]", value)
        return ",".join(_text(path, name, part) for part in parts)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise StartError(f"config file {path}: {name}: write a text, a number, true, false or a list")
