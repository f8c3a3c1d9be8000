"""The reference pages of settings and commands are what the code says."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def pages():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PAGES


@pytest.mark.parametrize("name", ["sender-settings.md", "hookseal-sender.md"])
def test_a_reference_page_is_what_the_code_says(name):
    found = (DOCS / "reference" / name).read_text(encoding="utf-8")

    assert found == pages()[name](), "run: python docs/generate.py"
