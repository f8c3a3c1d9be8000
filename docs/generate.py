"""Write the reference pages from the code: ``python docs/generate.py``.

Knows the docstrings of the policy, the errors and the notes, and the sender's settings and help.
Must not hold a fact of its own: a test holds the pages equal to what this makes.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hookseal import errors, observe, policy
from hookseal_sender.api.openapi import document
from hookseal_sender.api.operations import OPERATIONS
from hookseal_sender.api.wording import Field, Wording
from hookseal_sender.cli import make_parser
from hookseal_sender.commands import COMMANDS
from hookseal_sender.config import SETTINGS, Setting
from hookseal_sender.config.catalogue import TOPICS

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


def sender_settings_page() -> str:
    """Return the page of every setting of the sender."""
    tables = "\n\n".join(_settings_table(topic) for topic in TOPICS)
    return f"""\
# Settings of the sender

A flag wins over the environment, that over the config file, that over the default. The config file
is TOML; `--config` or `HOOKSEAL_CONFIG` names it, and the column "in the file" its keys, such as
`port = 9000`. Settings with no flag are secrets: flags are visible to other users of the machine. A
setting that cannot be used, and a key in the file that is no setting's, stop the start with one
line and exit status 2.

{tables}
"""


def sender_help_page() -> str:
    """Return the page of the sender's commands."""
    parser = make_parser()
    helps = "\n\n".join(_help(command.name) for command in COMMANDS)
    return f"""\
# hookseal-sender

```text
{parser.format_help().rstrip()}
```

{helps}
"""


def api_page() -> str:
    """Return the page of the sender's API: its operations, and what goes in and out."""
    described = document(OPERATIONS)
    operations = "\n\n".join(_api_operations(tag) for tag in described["tags"])
    schemas = "\n\n".join(
        _api_schema(described, name) for name in described["components"]["schemas"]
    )
    return f"""\
# The sender's API

A running sender shows all of this with examples at `/api/v1/docs`, and as OpenAPI 3.1 at
`/api/v1/openapi.json`. Paths begin with `/api/v1`.

{operations}

## What goes in and out

Members that are not named as required may be left out of a body; all of an answer's are there
unless said otherwise.

{schemas}
"""


PAGES = {
    "settings.md": settings_page,
    "answers.md": answers_page,
    "notes.md": notes_page,
    "sender-settings.md": sender_settings_page,
    "hookseal-sender.md": sender_help_page,
    "api.md": api_page,
}


def _api_operations(tag: dict[str, str]) -> str:
    rows = "\n".join(
        f"| `{operation.method} {operation.path}` | {operation.summary} |"
        f" {_api_link(operation.body)} | {_api_replies(operation.replies)} |"
        for operation in OPERATIONS
        if operation.tag == tag["name"]
    )
    return f"""\
## {tag["name"]}

{tag["description"]}

| operation | what it does | body | answers |
|---|---|---|---|
{rows}"""


def _api_replies(replies: Mapping[int, str | None]) -> str:
    return ", ".join(f"{status} {_api_link(name)}".strip() for status, name in replies.items())


def _api_link(name: str | None) -> str:
    return "" if name is None else f"[{name}](#{name.lower()})"


def _api_schema(described: dict[str, Any], name: str) -> str:
    schema = described["components"]["schemas"][name]
    head = f"### {name}\n\n{schema['description']}"
    fields = Wording(described).members(schema)
    rows = "\n".join(_api_field(field) for field in fields)
    table = f"\n\n| field | type | required | meaning |\n|---|---|---|---|\n{rows}"
    return head + table if fields else head


def _api_field(field: Field) -> str:
    required = "yes" if field.required else ""
    rules = f" ({'; '.join(field.rules)})" if field.rules else ""
    text = f"{field.meaning}{rules}".replace("|", "\\|")
    return f"| `{field.name}` | {field.kind} | {required} | {text} |"


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


def _settings_table(topic: str) -> str:
    rows = "\n".join(_settings_row(each) for each in SETTINGS if each.topic == topic)
    return f"""\
## {TOPICS[topic]}

| environment | flag | default | meaning | in the file | used by |
|---|---|---|---|---|---|
{rows}"""


def _settings_row(setting: Setting) -> str:
    cells = (
        f"`{setting.env}`",
        "" if setting.secret else f"`{setting.flag}`",
        f"`{setting.default or 'none'}`",
        setting.help,
        f"`{setting.name}`" if setting.in_file else "",
        ", ".join(f"`{command}`" for command in setting.commands),
    )
    return f"| {' | '.join(cells)} |"


def _help(command: str) -> str:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        make_parser().parse_args([command, "--help"])
    return f"## {command}\n\n```text\n{text.getvalue().rstrip()}\n```"


def _first_line(error: type[errors.WebhookError]) -> str:
    return _one_line(inspect.getdoc(error) or "")


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


if __name__ == "__main__":
    for file_name, page in PAGES.items():
        (REFERENCE / file_name).write_text(page())
