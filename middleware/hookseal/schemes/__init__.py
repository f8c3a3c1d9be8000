"""Signature schemes: one file a scheme, all in the shape of :class:`Scheme`."""

from __future__ import annotations

from hookseal.schemes.base import Envelope, Scheme
from hookseal.schemes.standard import StandardScheme

__all__ = ["Envelope", "Scheme", "StandardScheme"]
