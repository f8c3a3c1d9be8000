"""The published vectors verify and sign."""

import json
from pathlib import Path

import pytest

from hookseal import Signer, Verifier

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "standard.json").read_text())


@pytest.fixture(params=VECTORS, ids=lambda vector: vector["name"])
def vector(request):
    if request.param["sign_with"].startswith("whsk_"):
        pytest.importorskip("cryptography")
    return request.param


def headers_of(vector, prefix):
    return {
        f"{prefix}-id": vector["id"],
        f"{prefix}-timestamp": str(vector["timestamp"]),
        f"{prefix}-signature": vector["signature"],
    }


@pytest.mark.parametrize("prefix", ["webhook", "svix"])
def test_a_vector_verifies(vector, prefix):
    body = vector["body"].encode()
    verifier = Verifier(vector["verify_with"])
    event = verifier.verify(headers_of(vector, prefix), body, now=vector["timestamp"])
    assert (event.id, event.timestamp, event.body) == (vector["id"], vector["timestamp"], body)
    assert (event.scheme, event.source, event.attempt) == ("standard", "default", 1)
    assert event.json() == json.loads(vector["body"])


def test_a_vector_is_signed(vector):
    signer = Signer(vector["sign_with"])
    headers = signer.headers(vector["id"], vector["timestamp"], vector["body"].encode())
    assert headers == headers_of(vector, "webhook")
