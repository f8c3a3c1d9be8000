"""What names an event in an inbox."""

import hashlib

import pytest

from hookseal import ConfigError, Verifier, WebhookEvent
from hookseal.inbox import inbox_row, purge_before
from hookseal.schemes import StandardScheme
from tests.middleware.support import SECRET
from tests.middleware.support import signed as deliver


def event(event_id="evt_1", source="acme", body=b"{}", *, id_signed=True):
    return WebhookEvent(event_id, 1, body, "standard", source, 1, id_signed)


def test_an_event_is_named_by_its_source_and_id():
    assert inbox_row(event()) == ("acme", "evt_1")
    assert inbox_row(event(body=b"changed")) == ("acme", "evt_1")


@pytest.mark.parametrize("text", ["x" * 256, "a\x00b", "a\nb", "\udcff", "a\u200bb"])
def test_what_a_column_might_not_take_is_hashed(text):
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    assert inbox_row(event(text, text)) == (f"sha256:{digest}",) * 2


def test_what_fits_is_kept():
    assert inbox_row(event("x" * 255, "Ünïcode")) == ("Ünïcode", "x" * 255)


def test_where_the_id_is_not_signed_the_body_is_part_of_the_name():
    first, same, other = (
        inbox_row(event(body=body, id_signed=False)) for body in (b"1", b"1", b"2")
    )
    assert first == same != other
    assert first.event_id.startswith("sha256:")
    assert inbox_row(event("evt_2", body=b"1", id_signed=False)) != first


@pytest.mark.parametrize("days", [0, -1, float("nan")])
def test_a_purge_of_everything_is_refused(days):
    with pytest.raises(ConfigError, match="older_than_days"):
        purge_before(days, 0)


def test_days_are_counted_back_from_now():
    assert purge_before(0.5, 100_000.5) == 56_800


@pytest.mark.parametrize("signed", [True, False])
def test_an_event_says_whether_its_id_is_signed(signed):
    class OfOneKind(StandardScheme):
        id_signed = signed

    call = deliver("evt_1")
    verified = Verifier(SECRET, scheme=OfOneKind()).verify(call.headers, call.body)
    assert verified.id_signed is signed
    assert (inbox_row(verified).event_id == "evt_1") is signed
