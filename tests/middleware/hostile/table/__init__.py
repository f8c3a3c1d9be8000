"""The one table of single-request cases, for both faces and for real servers."""

from . import bodies, headers, ids, keys, methods, paths, signatures, timestamps, transport

CASES = (
    *headers.CASES,
    *signatures.CASES,
    *keys.CASES,
    *timestamps.CASES,
    *ids.CASES,
    *bodies.CASES,
    *transport.CASES,
    *methods.CASES,
    *paths.CASES,
)
