"""How many examples fuzzing tries: few and the same each time, or as many as are asked for.

``HOOKSEAL_FUZZ_EXAMPLES=200 pytest tests/sample_sender/test_schemathesis.py`` looks further.
"""

import os
from typing import Any

__all__ = ["bounds"]


def bounds(default: int) -> dict[str, Any]:
    """Return hypothesis settings for that many examples unless the environment says otherwise."""
    wanted = os.environ.get("HOOKSEAL_FUZZ_EXAMPLES")
    return {
        "max_examples": int(wanted or default),
        "derandomize": wanted is None,
        "database": None,
        "deadline": None,
    }
