"""Putting the settings together, from flags, environment, file and defaults.

Knows the sources and their order; the only module that reads the environment. Must not know what a
value means.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hookseal_sender.config.catalogue import SETTINGS, Setting
from hookseal_sender.config.file import others_may_read_secrets, read_file
from hookseal_sender.config.settings import Settings
from hookseal_sender.errors import StartError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["load"]

_PREFIX = "HOOKSEAL_"
_VARIABLES = frozenset(each.env for each in SETTINGS)
_NEAR = 0.85  # HOOKSEAL_PROT is so near to HOOKSEAL_PORT, HOOKSEAL_SECRET to none
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # not bound here, but replaced


def load(
    flags: Namespace,
    environment: Mapping[str, str] | None = None,
    *,
    warn: Callable[[str], None],
) -> Settings:
    """Return the settings; ``warn`` is told what works but is unsafe.

    A flag wins over the environment, that over the file, that over the default.

    Raises :class:`~hookseal_sender.errors.StartError`, naming the setting, what was found and
    what to write.
    """
    environment = os.environ if environment is None else environment
    given: dict[str, Any] = {}
    in_file: Mapping[str, str] = {}
    for setting in SETTINGS:  # the file's name comes first
        given[setting.name] = _value(setting, flags, environment, in_file)
        if setting.name == "config" and given["config"]:
            in_file = _read(given["config"], warn)
    for name in environment:
        if near := _meant(name):
            warn(f"{name} is not a setting; did you mean {near}?")
    settings = Settings(**given)
    if set(settings.token_key) & set(settings.encryption_key):
        raise StartError(
            "HOOKSEAL_TOKEN_KEY and HOOKSEAL_ENCRYPTION_KEY: the same key is in both; "
            "write another, so that whoever learns one has not the other too"
        )
    if settings.public_url:
        return settings
    return replace(settings, public_url=_local_url(settings.host, settings.port))


def _read(path: Path, warn: Callable[[str], None]) -> Mapping[str, str]:
    found = read_file(path)
    if others_may_read_secrets(path, found):
        warn(f"config file {path}: any user may read the secrets in it; run: chmod o-r {path}")
    return found


def _meant(variable: str) -> str | None:
    """Return the setting's variable that was misspelt; None for one of others, or of ours."""
    if not variable.startswith(_PREFIX) or variable in _VARIABLES:
        return None
    near = difflib.get_close_matches(variable, _VARIABLES, n=1, cutoff=_NEAR)
    return near[0] if near else None


def _value(
    setting: Setting,
    flags: Namespace,
    environment: Mapping[str, str],
    in_file: Mapping[str, str],
) -> Any:
    sources = (
        (setting.flag, getattr(flags, setting.name, None)),
        (setting.env, environment.get(setting.env)),
        (f"config file: {setting.name}", in_file.get(setting.name)),
        (setting.name, setting.default),
    )
    source, text = next((source, text) for source, text in sources if text is not None)
    return _parse(setting, source, text)


def _parse(setting: Setting, source: str, text: str) -> Any:
    try:
        return setting.parse(text.strip())
    except ValueError as error:
        found = "the value" if setting.secret or setting.hidden else repr(text)
        raise StartError(f"{source}: {found} cannot be used: {error}") from None


def _local_url(host: str, port: int) -> str:
    near = _ANY_ADDRESS.get(host, host)
    return f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"
