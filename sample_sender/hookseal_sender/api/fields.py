"""Reading fields of a JSON object or a query, and saying what is wrong with each.

Knows types, lengths and patterns. Must not know what the fields mean.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeGuard, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Fields", "InputInvalid"]

_UID = re.compile(r"[a-zA-Z0-9\-_.]{1,256}\Z")
_MAX_METADATA_BYTES = 4096


class InputInvalid(Exception):  # named for what it says, as the other errors are
    """Some fields cannot be used; ``errors`` is the ``detail`` list of the answer."""

    def __init__(self, errors: list[dict[str, object]]) -> None:
        super().__init__("some fields are not valid")
        self.errors = errors


class Fields:
    """Reads ``values``, collecting what is wrong until :meth:`check` raises it.

    ``place`` is ``body`` or ``query``. A reader returns a harmless value for a bad field.
    """

    def __init__(self, values: Mapping[str, object], place: str = "body") -> None:
        self._values = values
        self._place = place
        self._errors: list[dict[str, object]] = []

    def check(self) -> None:
        """Raise :class:`InputInvalid` if a field was bad."""
        if self._errors:
            raise InputInvalid(self._errors)

    def fail(self, name: str, message: str, kind: str = "value_error") -> None:
        """Note that the field ``name`` is bad; ``message`` says what to write."""
        self._errors.append({"loc": [self._place, name], "msg": message, "type": kind})

    def get(self, name: str) -> object:
        """Return the field as it is; None if it is missing or null."""
        return self._values.get(name)

    def refuse(self, *names: str) -> None:
        """Refuse fields of the Svix API that would be obeyed wrongly if they were ignored."""
        for name in names:
            if self.get(name) is not None:
                self.fail(name, "this field is not supported yet; leave it out", "not_supported")

    def text(self, name: str, *, longest: int = 65536) -> str | None:
        """Return a text, or None if there is none."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.fail(name, "this must be text", "type_error.str")
        elif len(value) > longest or "\x00" in value:
            self.fail(name, f"at most {longest} characters, none of them NUL")
        else:
            return value
        return None

    def required_text(self, name: str, *, longest: int = 65536) -> str:
        """Return a text that is not empty."""
        if self.get(name) is None:
            self.fail(name, "this field is required", "value_error.missing")
            return ""
        value = self.text(name, longest=longest)
        if value is not None and not value.strip():
            self.fail(name, "this must not be empty")
        return value or ""

    def uid(self, name: str, prefix: str) -> str | None:
        """Return a caller's own identifier; it must not look like one of ours."""
        value = self.text(name)
        if value is None:
            return None
        if not _UID.match(value):
            self.fail(name, "1 to 256 letters, digits, '-', '_' and '.'")
        elif value.startswith(prefix):
            self.fail(name, f"it must not begin with {prefix!r}, which marks ids made here")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean, false if missing."""
        value = self.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fail(name, "this must be true or false", "type_error.bool")
        return False

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return a list of different texts with at least one member, or None if missing."""
        value = self.get(name)
        if value is None:
            return None
        if not _is_text_list(value):
            self.fail(name, "this must be a list of texts", "type_error.list")
        elif not value or len(set(value)) != len(value):
            self.fail(name, "at least one member, each of them once")
        else:
            return tuple(value)
        return None

    def object(self, name: str) -> dict[str, object] | None:
        """Return a JSON object, or None if missing."""
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, dict):
            return cast("dict[str, object]", value)
        self.fail(name, "this must be an object", "type_error.dict")
        return None

    def metadata(self, name: str = "metadata") -> dict[str, str]:
        """Return an object whose values are texts, of at most 4096 bytes in all."""
        value = self.object(name) or {}
        texts = {key: text for key, text in value.items() if isinstance(text, str)}
        if len(texts) < len(value):
            self.fail(name, "every value must be text", "type_error.str")
        elif sum(len(f"{key}{text}".encode()) for key, text in texts.items()) > _MAX_METADATA_BYTES:
            self.fail(name, f"at most {_MAX_METADATA_BYTES} bytes in all")
        return texts

    def whole(self, name: str, *, default: int, low: int, high: int) -> int:
        """Return a whole number that a query spells in decimal digits."""
        value = self.get(name)
        if value is None:
            return default
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            number = int(value)
            if low <= number <= high:
                return number
        self.fail(name, f"this must be a whole number from {low} to {high}")
        return default


def _is_text_list(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(
        isinstance(member, str) for member in cast("list[object]", value)
    )
