"""Tables and verdicts, as plain text.

Knows how figures are laid out. Must not know what was measured.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Table", "Wanted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A figure somebody asked for, beside the one that was measured."""

    what: str
    measured: float
    wanted: float
    unit: str = ""
    at_least: bool = False

    @property
    def ok(self) -> bool:
        """Whether the measured figure is as good as the wanted one."""
        if self.at_least:
            return self.measured >= self.wanted
        return self.measured <= self.wanted

    def __str__(self) -> str:
        verdict = "ok" if self.ok else ("under" if self.at_least else "over")
        bound = "at least" if self.at_least else "at most"
        return (
            f"wanted: {self.what} {bound} {self.wanted:g}{self.unit}: "
            f"{self.measured:.2f}{self.unit}  {verdict}"
        )


@dataclass(slots=True, kw_only=True)
class Table:
    """A section's figures: a title, a name and a cell a column for each row, and the verdicts."""

    title: str
    columns: Sequence[str]
    rows: list[tuple[str, Sequence[str]]] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    note: str = ""

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.rows)
        cells = [self.columns, *(row for _, row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]

        def line(name: str, row: Sequence[str]) -> str:
            right = "  ".join(cell.rjust(size) for cell, size in zip(row, widths, strict=True))
            return f"  {name.ljust(width)}  {right}".rstrip()

        lines = [self.title, line("", self.columns), *(line(name, row) for name, row in self.rows)]
        lines += [f"  {one}" for one in self.wanted]
        if self.note:
            lines += textwrap.wrap(
                f"({self.note})", 96, initial_indent="  ", subsequent_indent="   "
            )
        return "\n".join(lines)
