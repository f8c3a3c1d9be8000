"""Write the reference pages from the code: ``python docs/generate.py``.

Knows the docstrings of the policy, the errors and the notes. Must not hold a fact of its own: a
test holds the pages equal to what this makes.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from hookseal import errors, observe, policy

REFERENCE = Path(__file__).with_name("reference")


def settings_page() -> str:
    """Return the page of every setting of the middleware."""
    rows = "\n".join(
        f"| `{name}` | `{default}` | {meaning} |" for name, default, meaning in _settings()
    )
    return f"""\
# Settings of the middleware

Each is a keyword argument of `WebhookMiddleware` and of `hookseal.policy.Policy`. What is weak or
wrong raises `ConfigError` when the middleware is made, naming the setting and the fix.

| setting | default | meaning |
|---|---|---|
{rows}
"""


def answers_page() -> str:
    """Return the page of every refusal."""
    rows = "\n".join(
        f"| `{error.code}` | {error.status_hint} | {_first_line(error)} |"
        f" {'yes' if error.counts_as_failure else ''} |"
        for error in _refusals()
    )
    return f"""\
# What a refused request is answered

The body is `application/problem+json` (RFC 9457) with `title`, `status`, `detail` and a stable
`code`. In Python each is a subclass of `hookseal.WebhookError` with `code` and `status_hint`. The
last column tells what spends the failure budget of the client's address.

| code | status | meaning | counts |
|---|---|---|---|
{rows}
"""


def notes_page() -> str:
    """Return the page of every note an observer is given."""
    rows = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in _notes())
    return f"""\
# What an observer is told

`observer=` takes a callable that is given a `hookseal.observe.Note` each time: its name, and where
they are known the code of a refusal, a detail, the source, the event's id and the peer. No note
holds a secret, a signature or a body. The default writes them to the logger `hookseal`.

| note | meaning |
|---|---|
{rows}
"""


PAGES = {"settings.md": settings_page, "answers.md": answers_page, "notes.md": notes_page}


def _settings() -> Iterator[tuple[str, str, str]]:
    body = _class_body(policy.Policy)
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            default = "required" if _is_required(field) else _default(field)
            yield ast.unparse(field.target), default, _one_line(ast.literal_eval(text.value))


def _class_body(cls: type) -> list[ast.stmt]:
    definition = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(definition, ast.ClassDef)
    return definition.body


def _is_required(field: ast.AnnAssign) -> bool:
    return isinstance(field.value, ast.Call) and not any(
        word.arg == "default_factory" for word in field.value.keywords
    )


def _default(field: ast.AnnAssign) -> str:
    assert field.value is not None
    if isinstance(field.value, ast.Call):
        factory = next(word for word in field.value.keywords if word.arg == "default_factory")
        return f"{ast.unparse(factory.value)}()"
    return ast.unparse(field.value)


def _refusals() -> list[type[errors.WebhookError]]:
    """Return the refusals in the order of the file, which is that of the pipeline."""
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return [
        error
        for error in found
        if issubclass(error, errors.WebhookError) and error is not errors.WebhookError
    ]


def _notes() -> list[tuple[str, str]]:
    return re.findall(r'^    "(\w+)",  # (.+)$', inspect.getsource(observe), re.MULTILINE)


def _first_line(error: type[errors.WebhookError]) -> str:
    return _one_line(inspect.getdoc(error) or "")


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


if __name__ == "__main__":
    for file_name, page in PAGES.items():
        (REFERENCE / file_name).write_text(page())
