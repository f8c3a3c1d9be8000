"""Whether a page is accessible, as far as axe-core can tell."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from tests.node import installed
from tests.pages.browsing import each_theme

__all__ = ["assert_accessible", "violations"]

_SOURCE = Path(__file__).parent / "axe"
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN = """
(tags) => axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]})
"""
_SHOWN = 5
"""Elements named for one rule."""


def assert_accessible(page: Any) -> None:
    """Assert that axe finds nothing to say of the page, in the light and in the dark."""
    for theme in each_theme(page):
        found = violations(page)
        assert not found, "\n".join([f"{page.url} in {theme}:", *found])


def violations(page: Any) -> list[str]:
    """Return what axe finds, a line for each rule and element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_script())
    found = page.evaluate(_RUN, list(_TAGS))["violations"]
    return [line for rule in found for line in _lines(rule)]


def _lines(rule: dict[str, Any]) -> list[str]:
    what = f"{rule['id']} ({rule['impact']}): {rule['help']}"
    nodes = rule["nodes"]
    lines = [f"{what}: {node['target']} {_why(node)}" for node in nodes[:_SHOWN]]
    return [*lines, f"{what}: and {len(nodes) - _SHOWN} more"][: len(lines) + (len(nodes) > _SHOWN)]


def _why(node: dict[str, Any]) -> str:
    checks = [*node["any"], *node["all"], *node["none"]]
    return "; ".join(check["message"] for check in checks)


@functools.cache
def _script() -> str:
    return (installed(_SOURCE).path / "node_modules/axe-core/axe.min.js").read_text()
