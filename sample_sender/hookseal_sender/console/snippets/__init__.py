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
def snippets(kind: str) -> tuple[Snippet, ...]:
    """Return one for each framework that can verify with secrets of the kind, "v1" or "v1a"."""
    pairs = kind == "v1a"
    django = "django,ed25519" if pairs else "django"
    package = "'hookseal[ed25519]'" if pairs else "hookseal"
    made = (
        _snippet("fastapi", "FastAPI", f"pip install {package} fastapi", "fastapi_app.py"),
        _snippet(
            "django",
            "Django",
            f"pip install 'hookseal[{django}]'",
            "django_settings.py",
            "django_urls.py",
        ),
        _snippet("flask", "Flask", f"pip install {package} flask", "flask_app.py"),
    )
    return made if pairs else (*made, _express())


def _express() -> Snippet:
    return _snippet(
        "express",
        "Express",
        "npm install express standardwebhooks",
        "express.mjs",
        lacks="It checks signature and age. An id may come twice: remembering it is up to you.",
    )


def _snippet(id_: str, name: str, install: str, *files: str, lacks: str = "") -> Snippet:
    texts = tuple((file, _text(file)) for file in files)
    return Snippet(id=id_, name=name, install=install, files=texts, lacks=lacks)


def _text(file: str) -> str:
    """Return the example as it stands in a project of its own, which is no package of ours."""
    return (_HERE / f"{file}.txt").read_text().replace('"examples.', '"')
