"""Pages made of templates, and the files they need.

Knows Jinja2 and the folders of the look. Must not know what a page shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from hookseal_receiver.look.words import ago, iso, long_span_words, size_words, span_words

if TYPE_CHECKING:
    from jinja2.runtime import Context
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

__all__ = ["STATIC_PATH", "Pages", "static_files"]

STATIC_PATH = "/static"
"""Where an app mounts :func:`static_files`, below its own path."""

_HERE = Path(__file__).parent
_STATIC, _TEMPLATES = _HERE / "static", _HERE / "templates"
_YEAR = "public, max-age=31536000, immutable"


class Pages:
    """Renders the templates in ``folder``, which may extend ``base.html`` and use ``ui``.

    ``filters`` are added to ``ago``, ``iso``, ``size``, ``span`` and ``long_span``. Every value is
    escaped, and a name that is not given is an error rather than an empty place.
    """

    def __init__(
        self, folder: Path, filters: Mapping[str, Callable[..., Any]] | None = None
    ) -> None:
        self.environment = Environment(
            loader=FileSystemLoader([folder, _TEMPLATES]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        known = _any(self.environment.filters)
        known.update(ago=ago, iso=iso, size=size_words)
        known.update(span=span_words, long_span=long_span_words)
        known.update(filters or {})
        shared = _any(self.environment.globals)
        shared["asset"] = _asset
        shared["ui"] = self.environment.get_template("macros.html").module

    def render(self, template: str, base: str, **values: Any) -> str:
        """Return the text of ``template``; ``base`` is the path that the app is mounted at."""
        return self.environment.get_template(template).render(base=base, **values)

    def answer(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> Response:
        """Return a page as the answer to ``request``."""
        base = request.scope.get("root_path", "").rstrip("/")
        return HTMLResponse(self.render(template, base, **values), status)


def static_files() -> StaticFiles:
    """Return an app with the stylesheet, the scripts and the icon; mount it at STATIC_PATH."""
    return _Lasting(directory=_STATIC)


class _Lasting(StaticFiles):
    """Files that may be kept for long: their links change with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = _YEAR
        return response


def _any(names: Any) -> dict[str, Any]:
    """Return ``names`` as what it holds here; Jinja2 types it by its own defaults."""
    given: dict[str, Any] = names
    return given


@pass_context
def _asset(context: Context, name: str) -> str:
    """Return the link to a file of the look, which names the version of its content."""
    return f"{context['base']}{STATIC_PATH}/{name}?{_VERSIONS[name]}"


_VERSIONS = {
    path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:10] for path in _STATIC.iterdir()
}
