"""How the demo looks: headings, tables and marks, in colour on a terminal."""

from __future__ import annotations

import os
import sys

_BOLD, _GREEN, _RED, _DIM = "1", "32", "31", "2"


class Screen:
    """Prints the show."""

    def __init__(self) -> None:
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def title(self, text: str) -> None:
        """Print the first line."""
        print(self._styled(text, _BOLD), flush=True)

    def heading(self, text: str) -> None:
        """Begin a part."""
        print("\n" + self._styled(text, _BOLD), flush=True)

    def facts(self, pairs: list[tuple[str, str]]) -> None:
        """Print names and what they are."""
        for name, value in pairs:
            print(f"  {name:<10}{value}", flush=True)

    def header(self, name: str, middle: str, last: str) -> None:
        """Print a table's header."""
        print(self._styled(f"    {name:<28}{middle:<36}{last}", _DIM), flush=True)

    def row(self, middle: str, last: str, *, name: str, good: bool) -> bool:
        """Print a table row with a mark; return ``good``."""
        mark = self._styled("✓", _GREEN) if good else self._styled("✗", _RED)
        print(f"  {mark} {name:<28}{middle:<36}{last}", flush=True)
        return good

    def commands(self, pairs: list[tuple[str, str]]) -> None:
        """Print what to type, each under what it does."""
        for what, command in pairs:
            print(f"  {self._styled(what, _DIM)}\n    {command}", flush=True)

    def verdict(self, *, good: bool) -> None:
        """Print the last line."""
        text = "All as it should be." if good else "Not all was as it should be."
        self.heading(self._styled(text, _GREEN if good else _RED))

    def failed(self, text: str) -> None:
        """Print why the show could not go on."""
        print(self._styled("The demo could not go on: ", _RED) + text, file=sys.stderr, flush=True)

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text
