"""Reading fields of a JSON object, and saying what is wrong with each.

Knows types, lengths and patterns. Must not know what the fields mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard, cast

from hookseal_sender.api.names import MAX_NAME, is_name, name_rule
from hookseal_sender.api.times import moment_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Fields", "InputInvalid", "fault"]

_MAX_METADATA_BYTES = 4096


class InputInvalid(Exception):  # named for what it says, as the other errors are
    """Some fields cannot be used; ``errors`` is the ``detail`` list of the answer."""

    def __init__(self, errors: Sequence[Mapping[str, object]]) -> None:
        super().__init__("some fields are not valid")
        self.errors = errors


def fault(place: Sequence[str], message: str, kind: str = "value_error") -> dict[str, object]:
    """Return one member of an answer's ``detail``: where, and what to write there."""
    return {"loc": list(place), "msg": message, "type": kind}


class Fields:
    """Reads ``values``, collecting what is wrong until :meth:`check` raises it.

    ``place`` is where they stand in the body. A reader returns a harmless value for a bad field.
    """

    def __init__(self, values: Mapping[str, object], *place: str) -> None:
        self._values = values
        self._place = ("body", *place)
        self._errors: list[dict[str, object]] = []

    def check(self) -> None:
        """Raise :class:`InputInvalid` if a field was bad."""
        if self._errors:
            raise InputInvalid(self._errors)

    def fail(self, name: str, message: str, kind: str = "value_error") -> None:
        """Note that the field ``name`` is bad; ``message`` says what to write."""
        self._errors.append(fault((*self._place, name), message, kind))

    def get(self, name: str) -> object:
        """Return the field as it is; None if it is missing or null."""
        return self._values.get(name)

    def either(self, name: str, other: str) -> str:
        """Return ``name``, or its ``other`` name if there is nothing under the first."""
        return other if self.get(name) is None else name

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

    def required(self, name: str) -> bool:
        """Tell whether the field is there and not null, and note that it is missing if not."""
        if self.get(name) is None:
            self.fail(name, "this field is required", "value_error.missing")
            return False
        return True

    def required_text(self, name: str, *, longest: int = 65536) -> str:
        """Return a text that is not empty."""
        if not self.required(name):
            return ""
        return self.filled_text(name, longest=longest) or ""

    def filled_text(self, name: str, *, longest: int = 65536) -> str | None:
        """Return a text that is not empty, or None if there is none."""
        value = self.text(name, longest=longest)
        if value is not None and not value.strip():
            self.fail(name, "this must not be empty")
        return value

    def name(self, name: str, *, longest: int = MAX_NAME) -> str | None:
        """Return an identifier of letters, digits, '-', '_' and '.', or None if there is none."""
        value = self.text(name)
        if value is not None and not is_name(value, longest):
            self.fail(name, name_rule(longest))
        return value

    def uid(self, name: str, prefix: str) -> str | None:
        """Return a caller's own identifier; it must not look like one of ours."""
        value = self.name(name)
        if value is not None and value.startswith(prefix):
            self.fail(name, f"it must not begin with {prefix!r}, which marks ids made here")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean, false if missing."""
        value = self.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fail(name, "this must be true or false", "type_error.bool")
        return False

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        """Return one of the texts ``allowed``, or None if missing."""
        value = self.get(name)
        if value is None or (isinstance(value, str) and value in allowed):
            return value
        self.fail(name, f"write one of {', '.join(allowed)}", "value_error.const")
        return None

    def whole(self, name: str, *, low: int, high: int) -> int | None:
        """Return a whole number, or None if missing."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(name, "this must be a whole number", "type_error.integer")
        elif not low <= value <= high:
            self.fail(name, f"this must be from {low} to {high}", "value_error.number")
        else:
            return value
        return None

    def seconds(self, name: str, *, low: float, high: float) -> float | None:
        """Return a number of seconds, or None if missing."""
        value = self.get(name)
        if value is None or _is_number(value, low, high):
            return None if value is None else float(value)
        self.fail(name, f"this must be a number from {low:g} to {high:g}", "value_error.number")
        return None

    def schedule(
        self, name: str, *, most: int, low: float, high: float
    ) -> tuple[float, ...] | None:
        """Return a list of up to ``most`` numbers of seconds, or None if missing."""
        value = self.get(name)
        if value is None:
            return None
        members = cast("list[object]", value) if isinstance(value, list) else [None]
        numbers = tuple(float(each) for each in members if _is_number(each, low, high))
        if len(numbers) == len(members) <= most:
            return numbers
        self.fail(name, f"a list of at most {most} numbers, each from {low:g} to {high:g}")
        return None

    def moment(self, name: str) -> int | None:
        """Return a time in unix milliseconds, or None if missing."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return moment_ms(text)
        except ValueError as error:
            self.fail(name, str(error), "value_error.datetime")
            return None

    def texts(self, name: str, *, least: int = 1, most: int = 1000) -> tuple[str, ...] | None:
        """Return a list of ``least`` to ``most`` different texts, or None if missing."""
        value = self.get(name)
        if value is None:
            return None
        if not _is_text_list(value):
            self.fail(name, "this must be a list of texts", "type_error.list")
        elif not least <= len(value) <= most or len(set(value)) != len(value):
            self.fail(name, f"{least} to {most} members, each of them once")
        else:
            return tuple(value)
        return None

    def names(
        self, name: str, *, least: int = 1, most: int, longest: int
    ) -> tuple[str, ...] | None:
        """Return a list of different identifiers, or None if missing."""
        found = self.texts(name, least=least, most=most)
        if not all(is_name(each, longest) for each in found or ()):
            self.fail(name, f"each member must be {name_rule(longest)}")
        return found

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
        elif any("\x00" in key or "\x00" in text for key, text in texts.items()):
            self.fail(name, "no key or value may have a NUL")
        elif sum(len(f"{key}{text}".encode()) for key, text in texts.items()) > _MAX_METADATA_BYTES:
            self.fail(name, f"at most {_MAX_METADATA_BYTES} bytes in all")
        return texts


def _is_text_list(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(
        isinstance(member, str) for member in cast("list[object]", value)
    )


def _is_number(value: object, low: float, high: float) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
