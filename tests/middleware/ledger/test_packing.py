"""Stored replies: every one comes back, and nothing else passes for one."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal.ledger import Reply
from hookseal.ledger.packing import StoredValueError, pack, unpack

replies = st.builds(
    Reply,
    st.integers(100, 599),
    st.lists(st.tuples(st.binary(), st.binary())).map(tuple),
    st.binary(),
)


@given(replies)
def test_a_reply_comes_back(reply):
    assert unpack(pack(reply)) == reply


@given(st.binary())
def test_foreign_bytes_are_refused(value):
    with pytest.raises(StoredValueError):
        unpack(value)


@given(replies, st.data())
def test_one_changed_byte_is_noticed(reply, data):
    packed = bytearray(pack(reply))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(StoredValueError):
        unpack(bytes(packed))


def test_a_cut_value_is_noticed():
    packed = pack(Reply(200, ((b"a", b"b"),), b"body"))

    for size in range(len(packed)):
        with pytest.raises(StoredValueError):
            unpack(packed[:size])


def test_a_reply_that_does_not_fit_is_refused():
    with pytest.raises(StoredValueError, match="does not fit"):
        pack(Reply(70_000, (), b""))


def test_the_layout_is_fixed():
    # What one version has stored, the next must read.
    checked = struct.pack(">HH", 201, 1) + struct.pack(">HI", 1, 2) + b"n" + b"vv" + b"body"

    assert pack(Reply(201, ((b"n", b"vv"),), b"body")) == (
        b"hk1" + struct.pack(">I", zlib.crc32(checked)) + checked
    )
