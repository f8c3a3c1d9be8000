"""The sender's pages name settings, flags, paths and codes that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from hookseal_sender.api.operations import OPERATIONS
from hookseal_sender.cli import make_parser
from hookseal_sender.config import SETTINGS
from hookseal_sender.errors import SenderError
from hookseal_sender.model import DEFAULT_ORGANISATION

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    DOCS / name
    for name in ("sender.md", "delivery.md", "running.md", "runbook.md", "scaling.md")
    if (DOCS / name).exists()
]
COMMAND = re.compile(r"hookseal-sender ((?:serve|api|worker|migrate|token|status)\b[^`\n#)]*)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@each_page
def test_every_setting_is_one_of_the_senders(page):
    named = set(re.findall(r"\bHOOKSEAL_[A-Z_]+", page.read_text()))
    assert named <= {setting.env for setting in SETTINGS}


@each_page
def test_every_command_can_be_given(page):
    for text in COMMAND.findall(page.read_text()):
        words = shlex.split(text.replace("app_2Yx...", "app_2Yx"))
        flags = words[1:] if words[1:] and words[1].startswith("--") else []
        assert make_parser().parse_args([words[0], *flags]), text


def test_every_path_is_one_of_the_api():
    known = {re.sub(r"\{\w+\}", "{}", each.path) for each in OPERATIONS}
    scripts = "".join(path.read_text() for path in DOCS.parent.glob("examples/sender_*.sh"))
    pages = "".join(page.read_text() for page in PAGES)
    named = re.findall(r"\$API(/[^\s\"'?`]*)", scripts + pages)
    written = re.findall(r"`(?:GET|POST|PUT|PATCH|DELETE)?\s?(/(?:app|auth)/[^`]*)`", pages)
    assert len(named) > 15
    names = {"acme", "billing", "in_4821-paid", "$OURSELVES"}
    for path in named + written:
        parts = ["{}" if part in names or "{" in part else part for part in path.split("/")]
        assert "/".join(parts) in known, path


def codes(error=SenderError):
    """The codes of an error and of all that are kinds of it."""
    return {error.code}.union(*(codes(kind) for kind in error.__subclasses__()))


NEVER_ANSWERED = {
    "cannot_start",
    "client_disconnected",
    "database_unreachable",
    "generic_error",
    "payload_refused",  # a field of a 422
}


def test_every_code_is_one_of_the_errors_and_every_error_is_there():
    rows = re.findall(r"^\| \d{3} \| (.*?) \|", (DOCS / "sender.md").read_text(), re.MULTILINE)
    named = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    assert len(named) > 8
    assert named == codes() - NEVER_ANSWERED | {"server_error"}


def test_the_default_organisation_is_the_one_that_is_named():
    named = re.findall(r"org_\w+", (DOCS / "sender.md").read_text())
    assert set(named) == {DEFAULT_ORGANISATION}
