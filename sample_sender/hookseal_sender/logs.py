"""Log lines: readable text, or JSON with ids.

Knows the form of a line and which fields of a record may be in it. Must not know who logs. Ids are
given as ``extra={"app_id": ..., "msg_id": ...}``; any other extra field is left out. Secrets,
tokens and bodies are not to be logged at all; what looks like a secret or a token is blotted out
here nevertheless, since libraries log too.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["IDS", "JsonFormatter", "TextFormatter", "configure"]

IDS = ("org_id", "app_id", "endpoint_id", "msg_id", "attempt_id", "request_id")
"""The extra fields that a line may have."""
_SECRET = re.compile(
    r"(?P<kind>whs[ekp][a-z]?_)[A-Za-z0-9+/=_-]+"  # signing secrets and keys
    r"|(?P<token>eyJ)[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"  # JSON Web Tokens
    r"|(?P<bearer>[Bb]earer\s+)[^\s'\",]+"
    r"|(?P<login>://[^\s/:@]*:)[^\s/@]+(?=@)"  # passwords in URLs
    r"|(?P<parameter>[?&](?:ssl)?password=)[^\s&#'\"]+"  # and where libpq takes them as well
)
_BLOT = "[removed]"
_CHATTY = ("alembic", "asyncio")
"""Loggers whose lines below a warning are about themselves."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, ids, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _without_secrets(record.getMessage()),
            **_ids(record),
        }
        trouble = _trouble(self, record)
        if trouble:
            entry["exception"] = trouble
        return json.dumps(entry)


class TextFormatter(logging.Formatter):
    """A line for people: time, level, logger, message, ids it does not name; below, a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, in which control characters are escaped: one entry looks like one."""
        said = _without_secrets(record.getMessage())
        rest = ((name, value) for name, value in _ids(record).items() if value not in said)
        message = _on_one_line(said + "".join(f" {name}={value}" for name, value in rest))
        line = f"{_time(record)} {record.levelname} {record.name} {message}"
        trouble = _trouble(self, record)
        return f"{line}\n{trouble}" if trouble else line


def configure(form: str, level: str, *, stream: TextIO | None = None) -> None:
    """Write every log line of the process to ``stream`` (the standard error stream).

    ``form`` is ``text`` or ``json``, ``level`` the name of the least level that is written.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _time(record: logging.LogRecord) -> str:
    seconds = int(record.created)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{stamp}.{int((record.created - seconds) * 1000):03d}Z"


def _ids(record: logging.LogRecord) -> dict[str, str]:
    found = vars(record)
    return {name: str(found[name]) for name in IDS if found.get(name) is not None}


def _trouble(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """Return the traceback and the stack, of which there may be none."""
    parts: list[str] = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return _without_secrets("\n".join(parts))


def _on_one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _without_secrets(text: str) -> str:
    return _SECRET.sub(_blot, text)


def _blot(match: re.Match[str]) -> str:
    return f"{match[match.lastgroup or 0]}{_BLOT}"
