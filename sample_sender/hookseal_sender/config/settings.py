"""The settings as values.

Knows names and types. Must not know where a value came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from hookseal_sender.addresses import Network

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the sender runs with. Times are in seconds unless the name says otherwise.

    Keys are newest first. The repr leaves out the keys, and the database URL, which may hold a
    password.
    """

    config: Path | None
    database_url: str = field(repr=False)
    database_pool: int
    token_key: tuple[str, ...] = field(repr=False)
    encryption_key: tuple[str, ...] = field(repr=False)
    host: str
    port: int
    public_url: str
    api_rate_limit: str
    max_body: int
    default_plan: str
    contact: str
    console: bool
    frame_origins: tuple[str, ...]
    play_store: Path | None
    trusted_proxies: tuple[Network, ...]
    https_only: bool
    allow_networks: tuple[Network, ...]
    retry_schedule: tuple[float, ...]
    request_timeout: float
    max_in_flight: int
    max_in_flight_per_endpoint: int
    disable_after: float
    retention: int
    metrics_host: str
    metrics_port: int
    log_format: str
    log_level: str

    @property
    def shown_database(self) -> str:
        """The database for people: a file, or a URL without user, password and options."""
        if self.database_url.startswith("sqlite:"):
            return str(Path(self.database_url.partition(":///")[2].partition("?")[0]).absolute())
        try:
            parsed = urlsplit(self.database_url)
            port = f":{parsed.port}" if parsed.port else ""
        except ValueError:  # no such port
            return "PostgreSQL"
        return f"{parsed.scheme}://{parsed.hostname or ''}{port}{parsed.path}"
