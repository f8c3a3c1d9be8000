"""What a customer's endpoint looks like, for the frameworks that most of them use.

Knows the files beside it, which are the project's own examples. Must not know pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Snippet", "snippets"]

_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Snippet:
    """One framework's: an id for the page, its name, what to install, and files with their text.

    ``lacks`` is what it leaves to its user.
    """

    id: str
    name: str
    install: str
    files: tuple[tuple[str, str], ...]
    lacks: str = ""


@cache
def snippets() -> tuple[Snippet, ...]:
    """Return one for each framework."""
    return (
        _snippet("fastapi", "FastAPI", "pip install hookseal fastapi", "fastapi_app.py"),
        _snippet(
            "django",
            "Django",
            "pip install 'hookseal[django]'",
            "django_settings.py",
            "django_urls.py",
        ),
        _snippet("flask", "Flask", "pip install hookseal flask", "flask_app.py"),
        _snippet(
            "express",
            "Express",
            "npm install express standardwebhooks",
            "express.mjs",
            lacks="It checks signature and age. An id may come twice: remembering it is up to you.",
        ),
    )


def _snippet(id_: str, name: str, install: str, *files: str, lacks: str = "") -> Snippet:
    texts = tuple((file, (_HERE / f"{file}.txt").read_text()) for file in files)
    return Snippet(id=id_, name=name, install=install, files=texts, lacks=lacks)
