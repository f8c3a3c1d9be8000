"""The REST API: the first part of the Svix API, so that its SDKs work against this sender."""

from __future__ import annotations

from hookseal_sender.api.app import create_app
from hookseal_sender.api.call import Services

__all__ = ["Services", "create_app"]
