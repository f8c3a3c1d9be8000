"""The REST API, compatible with that of Svix, so that its SDKs work against this sender."""

from __future__ import annotations

from hookseal_sender.api.app import create_app
from hookseal_sender.api.call import Services

__all__ = ["Services", "create_app"]
