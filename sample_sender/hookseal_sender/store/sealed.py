"""What endpoints keep sealed, opened for the claims that need it.

Knows that opening costs, and that what cannot be opened must wait. Must not know statements.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from hookseal_sender.errors import SealBroken
from hookseal_sender.store.rows import open_headers, open_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookseal_sender.model import Secret
    from hookseal_sender.store.moves import LaneRow
    from hookseal_sender.vault import Vault

__all__ = ["Opened", "SealedReader"]

_log = logging.getLogger(__name__)
_KEPT = 2048


class Opened(NamedTuple):
    """The secrets, expired ones too, and the custom headers of an endpoint."""

    secrets: tuple[Secret, ...]
    headers: Mapping[str, str]


class SealedReader:
    """Opens with ``vault``, and remembers what it opened."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._said: set[tuple[str, str]] = set()
        self._open = lru_cache(maxsize=_KEPT)(self._open_row)

    def open(self, row: LaneRow) -> Opened | None:
        """Return what the lane's endpoint keeps sealed; None, said once, if it does not open.

        Such a lane is left alone: its deliveries wait for the key.
        """
        try:
            return self._open(row.app_id, row.endpoint_id, row.secrets, row.headers)
        except SealBroken as error:
            lane = (row.app_id, row.endpoint_id)
            if lane not in self._said:
                self._said.add(lane)
                extra = {"app_id": row.app_id, "endpoint_id": row.endpoint_id}
                _log.error(
                    "deliveries wait, for their endpoint cannot sign: %s", error, extra=extra
                )
            return None

    def _open_row(self, app_id: str, endpoint_id: str, secrets: str, headers: str | None) -> Opened:
        row = {"app_id": app_id, "id": endpoint_id, "secrets": secrets, "headers": headers}
        return Opened(
            secrets=open_secrets(self._vault, row), headers=open_headers(self._vault, row)
        )
