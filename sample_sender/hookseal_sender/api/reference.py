"""The API's reference for people: one page, made from the OpenAPI document.

Knows what the page shows of an operation, and what it may load: nothing. Must not know any
particular operation.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from hookseal_sender.api.openapi import TEMPLATES, introduction
from hookseal_sender.api.replies import JSON, Reply
from hookseal_sender.api.wording import Field, Json, Wording

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["reference_response"]

_METHODS = ("get", "post", "put", "patch", "delete", "head")
_CODE = re.compile(r"`([^`]+)`")
_JOINTS = re.compile(r"([/_])(?=\w|\{)")
_FENCE = "```"
_LIST = re.compile(r"\[\n[^\[\]{}]*\]")
_LINE = 60


def reference_response(document: Json) -> Reply:
    """Return the page that shows ``document``; it loads nothing and runs no script."""
    css = _ENVIRONMENT.get_template("reference.css").render()
    html = _ENVIRONMENT.get_template("reference.html").render(
        css=Markup(css),  # noqa: S704 # a file of this package
        info=document["info"],
        sections=list(_sections(introduction())),
        groups=_groups(document),
        errors=_failures(document),
        webhooks=list(_webhooks(document)),
    )
    headers = (
        ("content-security-policy", _policy(css)),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    )
    return Reply(
        status=200, body=html.encode(), content_type="text/html; charset=utf-8", headers=headers
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Section:
    """One subject of the introduction."""

    id: str
    title: str
    paragraphs: tuple[str, ...]
    samples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Failure:
    """One error, as operations refer to it."""

    id: str
    status: str
    code: str
    meaning: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """One success of an operation."""

    status: str
    meaning: str
    sample: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _View:
    """One operation. ``errors`` are statuses with their names in the document."""

    id: str
    tags: tuple[str, ...]
    method: str
    path: str
    summary: str
    description: str
    is_open: bool
    curl: str
    parameters: dict[str, list[Field]]
    body: tuple[Field, ...]
    answers: tuple[_Answer, ...]
    errors: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    """The operations of one tag."""

    id: str
    name: str
    meaning: str
    views: tuple[_View, ...]


def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _sections(markdown: str) -> Iterator[_Section]:
    """Yield the parts of the introduction, which has paragraphs first and then samples."""
    for part in re.split(r"^## ", markdown, flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        words, *samples = text.split(f"{_FENCE}\n")
        yield _Section(
            id=_slug(title),
            title=title,
            paragraphs=tuple(words.strip().split("\n\n")),
            samples=tuple(sample.strip() for sample in samples if sample.strip()),
        )


def _failures(document: Json) -> list[_Failure]:
    """Return every error of the document, with the status that some operation answers it by."""
    statuses = {
        name: status
        for item in document["paths"].values()
        for method in _METHODS
        for status, name in _errors(item.get(method, {"responses": {}}))
    }
    return [
        _Failure(
            id=name,
            status=statuses[name],
            code=_content(answer)["example"].get("code", ""),
            meaning=answer["description"],
        )
        for name, answer in document["components"]["responses"].items()
    ]


def _groups(document: Json) -> list[_Group]:
    views = list(_views(document))
    return [
        _Group(
            id=f"tag-{_slug(tag['name'])}",
            name=tag["name"],
            meaning=tag["description"],
            views=tuple(view for view in views if tag["name"] in view.tags),
        )
        for tag in document["tags"]
    ]


def _webhooks(document: Json) -> Iterator[tuple[str, str, tuple[Field, ...]]]:
    """Yield every operational webhook: its event type, what it means, its body's fields."""
    for name, item in document["webhooks"].items():
        content = _content(item["post"]["requestBody"])
        yield name, item["post"]["summary"], Wording(document).members(content["schema"])


def _views(document: Json) -> Iterator[_View]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield _view(document, path, method)


def _view(document: Json, path: str, method: str) -> _View:
    wording, operation = Wording(document), document["paths"][path][method]
    shared = document["paths"][path].get("parameters", [])
    parameters = [wording.resolved(each) for each in [*shared, *operation["parameters"]]]
    body = _content(operation.get("requestBody", {}))
    is_open = operation.get("security") == []
    return _View(
        id=operation["operationId"],
        tags=tuple(operation["tags"]),
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        is_open=is_open,
        curl=_curl(method.upper(), _sample_path(path, parameters), body, is_open=is_open),
        parameters=_by_place(wording, parameters),
        body=wording.members(body["schema"]) if body else (),
        answers=tuple(_answers(wording, operation)),
        errors=tuple(_errors(operation)),
    )


def _by_place(wording: Wording, parameters: list[Json]) -> dict[str, list[Field]]:
    found: dict[str, list[Field]] = {}
    for each in parameters:
        schema = {"description": each.get("description", ""), **each["schema"]}
        field = wording.field(each["name"], schema, required=each.get("required", False))
        found.setdefault(each["in"], []).append(field)
    return found


def _answers(wording: Wording, operation: Json) -> Iterator[_Answer]:
    for status, answer in operation["responses"].items():
        if "$ref" not in answer:
            content = _content(answer)
            yield _Answer(
                status=status,
                meaning=answer["description"],
                sample=_pretty(content["example"]) if content else "",
                fields=wording.members(content["schema"]) if content else (),
            )


def _errors(operation: Json) -> Iterator[tuple[str, str]]:
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            yield status, answer["$ref"].rpartition("/")[2]


def _curl(method: str, path: str, body: Json, *, is_open: bool) -> str:
    """Return a command that carries out the operation."""
    implied = "POST" if body else "GET"
    lines = [f'curl {"" if method == implied else f"-X {method} "}"$SENDER{path}"']
    if not is_open:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    if body:
        lines.append(f"--json {shlex.quote(_pretty(body['example']))}")
    return " \\\n  ".join(lines).replace("curl -X HEAD", "curl --head")


def _sample_path(path: str, parameters: list[Json]) -> str:
    samples = {
        each["name"]: quote(each["schema"]["examples"][0], safe="")
        for each in parameters
        if each["in"] == "path"
    }
    return path.format(**samples)


def _content(part: Json) -> Json:
    found: Json = part.get("content", {}).get(JSON, {})
    return found


def _slug(text: str) -> str:
    return text.lower().replace(" ", "-")


def _pretty(value: object) -> str:
    """Return the value as JSON on lines of its own, short lists of plain members in one."""
    return _LIST.sub(_joined, json.dumps(value, indent=2, ensure_ascii=False))


def _joined(found: re.Match[str]) -> str:
    joined = " ".join(found[0].split()).replace("[ ", "[").replace(" ]", "]")
    return joined if len(joined) <= _LINE else found[0]


def _inline(text: str) -> Markup:
    """Return the text as HTML, with what is between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 # escaped


def _breakable(text: str) -> Markup:
    """Return the text as HTML that may be broken behind ``/`` and ``_``, and copied unchanged."""
    return Markup(_JOINTS.sub(r"\1<wbr>", str(escape(text))))  # noqa: S704 # escaped


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(inline=_inline, breakable=_breakable)
