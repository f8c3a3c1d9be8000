"""What a process that has started tells a person.

Knows commands to go on with. Must not show a password or a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.links import PATH

if TYPE_CHECKING:
    from hookseal_sender.config import Settings

__all__ = ["how_to_stop", "how_to_use"]


def how_to_use(settings: Settings) -> str:
    """Return lines that tell where the console is, how to get a token, and how to stop."""
    console = f"  console     {settings.public_url}{PATH}/\n" if settings.console else ""
    return f"{console}  API token   {_token_command(settings)}\n{how_to_stop(settings)}"


def how_to_stop(settings: Settings) -> str:
    """Return lines that tell the database and how to stop."""
    return f"  database    {settings.shown_database}\n  stop        Ctrl-C"


def _token_command(settings: Settings) -> str:
    command = "hookseal-sender token"
    if settings.config is not None:
        command += f" --config {settings.config.absolute()}"
    on_sqlite = settings.database_url.startswith("sqlite:")
    if on_sqlite:
        command += f" --database-url sqlite:///{settings.shown_database}"
    if on_sqlite and not settings.token_key:  # the key is in a file beside the database
        return command
    return f"{command}   (with the environment of this process)"
