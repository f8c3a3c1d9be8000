"""The documentation says what is there: snippets are files, reference pages come from the code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
SNIPPET = re.compile(
    r"<!-- file: (?P<path>\S+) -->\n```(?:python|sh|javascript)\n(?P<code>.*?)```", re.DOTALL
)
ANCHOR = re.compile(r"\]\(([\w./-]*)#([\w-]+)\)")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?:\]\(|src(?:set)?=\")(?!https?:)(?P<path>[^)#\"]+)")


def load_generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SNIPPETS = [
    pytest.param(match["code"], ROOT / match["path"], id=f"{page.name}:{match['path']}")
    for page in PAGES
    for match in SNIPPET.finditer(page.read_text())
]


@pytest.mark.parametrize(("code", "path"), SNIPPETS)
def test_a_snippet_is_the_file_it_names(code, path):
    assert code == path.read_text()


CONSOLE_SNIPPETS = sorted(
    (ROOT / "sample_sender" / "hookseal_sender" / "console" / "snippets").glob("*.txt")
)


@pytest.mark.parametrize("snippet", CONSOLE_SNIPPETS, ids=lambda path: path.stem)
def test_a_snippet_of_the_console_is_the_example_of_its_name(snippet):
    assert snippet.read_text() == (ROOT / "examples" / snippet.stem).read_text()


def test_every_example_file_is_shown_somewhere():
    shown = {parameters.values[1] for parameters in SNIPPETS}

    assert shown == {
        path
        for path in (ROOT / "examples").iterdir()
        if path.suffix in {".py", ".sh", ".mjs"} and path.stat().st_size
    }


REFERENCE = load_generator().PAGES


@pytest.mark.parametrize("name", REFERENCE)
def test_a_reference_page_is_what_the_code_says(name):
    page = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")

    assert page == REFERENCE[name](), "run: python docs/generate.py"


def test_every_reference_page_is_generated_and_linked_from_another_page():
    folder = ROOT / "docs" / "reference"
    linked = {
        (page.parent / match["path"]).resolve()
        for page in PAGES
        if page.parent != folder
        for match in LINK.finditer(page.read_text())
    }

    assert {path.name for path in folder.iterdir()} == set(REFERENCE)
    assert {folder / name for name in REFERENCE} <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for match in LINK.finditer(page.read_text()):
        assert (page.parent / match["path"]).exists(), match["path"]


def headings(page):
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_anchor_leads_to_a_heading(page):
    for path, anchor in ANCHOR.findall(page.read_text()):
        target = page.parent / path if path else page
        assert anchor in headings(target), (path, anchor)


def test_every_page_is_two_clicks_from_the_readme():
    def linked(pages):
        found = {
            (page.parent / match["path"]).resolve()
            for page in pages
            for match in LINK.finditer(page.read_text())
        }
        return found & set(PAGES)

    once = linked({ROOT / "README.md"})

    assert once | linked(once) >= set(PAGES)
