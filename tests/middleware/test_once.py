"""Handled once: duplicates, replays, failures and the ledger's own, on both faces."""

import pytest

from hookseal.ledger import InFlight, MemoryLedger
from hookseal.schemes import StandardScheme

from .support import (
    BODY,
    SECONDS,
    Endpoint,
    FailingLedger,
    Handler,
    WatchedLedger,
    event_of,
    signed,
)

AT_ONCE = 50


def test_of_fifty_duplicates_at_once_one_is_handled_and_all_get_its_reply(face):
    all_claimed = event_of(face)
    handler = Handler((201, [("content-type", "text/plain")], b"made"), hold=all_claimed)
    ledger = WatchedLedger("claim", AT_ONCE, all_claimed)
    endpoint = Endpoint(face, handler, ledger=ledger, in_flight_wait=SECONDS)

    answers = endpoint.send_all([signed()] * AT_ONCE)

    assert handler.runs == 1
    assert {(answer.status, answer.body) for answer in answers} == {(201, b"made")}
    assert {answer.headers["content-type"] for answer in answers} == {"text/plain"}
    assert [answer.replayed for answer in answers].count(False) == 1
    assert sorted(endpoint.noted) == ["accepted"] + ["replayed"] * (AT_ONCE - 1)


def test_events_are_told_apart(endpoint):
    one = endpoint()
    assert [one.send(signed(event_id)).replayed for event_id in ("a", "b", "a")] == [
        False,
        False,
        True,
    ]
    assert [event.id for event in one.handler.events] == ["a", "b"]


def test_without_a_ledger_every_delivery_is_handled(endpoint):
    one = endpoint(ledger=None)
    assert not one.send(signed()).replayed
    assert not one.send(signed()).replayed
    assert one.handler.runs == 2
    assert one.noted == ["accepted", "accepted"]


# --- what a duplicate is given ---------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_is_replayed(endpoint, status):
    one = endpoint(Handler((status, [], b"")))
    first, second = one.send(signed()), one.send(signed())
    assert (first.status, first.replayed) == (status, False)
    assert (second.status, second.replayed) == (status, True)
    assert ("content-length" in second.headers) == (status != 204)


def test_only_headers_on_the_list_are_kept(endpoint):
    said = [("Content-Type", "text/csv"), ("set-cookie", "a=1"), ("x-job", "7")]
    one = endpoint(Handler((200, said, b"x")))
    other = endpoint(Handler((200, said, b"x")), reply_headers=["X-Job"])
    for each in (one, other):
        first = each.send(signed())
        assert {name.lower() for name in first.headers} == {"content-type", "set-cookie", "x-job"}
    assert one.send(signed()).headers == {
        "Content-Type": "text/csv",
        "webhook-replayed": "true",
        "content-length": "1",
    }
    assert other.send(signed()).headers == {
        "x-job": "7",
        "webhook-replayed": "true",
        "content-length": "1",
    }


@pytest.mark.parametrize(("size", "kept"), [(4096, True), (4097, False)])
def test_a_large_reply_is_replayed_by_its_status_alone(endpoint, size, kept):
    one = endpoint(Handler((200, [("content-type", "text/plain")], b"x" * size)))
    assert len(one.send(signed()).body) == size
    again = one.send(signed())
    assert (again.status, again.replayed, len(again.body)) == (200, True, size if kept else 0)
    assert ("content-type" in again.headers) == kept


def test_another_body_under_a_signed_id_is_a_duplicate_and_noted(endpoint):
    one = endpoint()
    one.send(signed())
    assert one.send(signed(body=b"another")).replayed
    assert one.noted == ["accepted", "body_changed", "replayed"]


class Unsigned(StandardScheme):
    """A scheme whose id may be forged on a body that was once signed."""

    name = "unsigned"
    id_signed = False


def test_where_the_id_is_not_signed_the_body_tells_events_apart(endpoint):
    one = endpoint(scheme=Unsigned())
    answers = [one.send(signed(body=body)) for body in (BODY, b"another", BODY)]
    assert [answer.replayed for answer in answers] == [False, False, True]
    assert "body_changed" not in one.noted


# --- failures --------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [500, 503, 404, 410, 302, 100])
def test_a_failed_event_is_handled_again(endpoint, failure):
    ledger = MemoryLedger()
    one = endpoint(Handler(failure, 200), ledger=ledger)
    assert one.send(signed()).status == failure
    assert len(ledger) == 0
    second, third = one.send(signed()), one.send(signed())
    assert (second.status, second.replayed) == (200, False)
    assert (third.status, third.replayed) == (200, True)
    assert one.handler.runs == 2
    assert one.noted == ["accepted", "released", "accepted", "replayed"]


def test_an_event_whose_handler_raised_is_handled_again(endpoint):
    ledger = MemoryLedger()
    one = endpoint(Handler(RuntimeError("boom"), 200), ledger=ledger)
    with pytest.raises(RuntimeError, match="boom"):
        one.send(signed())
    assert len(ledger) == 0
    assert one.send(signed()).status == 200
    assert one.handler.runs == 2


def test_a_lease_that_was_lost_is_noted_and_the_second_attempt_is_numbered(face, clock):
    ledger = MemoryLedger(clock=clock)
    handler = Handler((200, [], b"first"), (200, [], b"second"))
    one = Endpoint(face, handler, ledger=ledger)

    def outlast_the_lease():
        clock.advance(30)
        return one.app, signed()

    handler.meanwhile = outlast_the_lease
    slow = one.send(signed())

    assert [event.attempt for event in handler.events] == [1, 2]
    assert (slow.body, handler.answered.body) == (b"first", b"second")
    assert one.send(signed()).body == b"second"
    assert one.noted == ["accepted", "accepted", "lease_lost", "replayed"]


# --- in flight -------------------------------------------------------------------------------


class Busy(MemoryLedger):
    """A ledger whose events are all being handled elsewhere."""

    asked = 0

    def claim(self, *_):
        self.asked += 1
        return InFlight(30.0)


@pytest.mark.parametrize("status", [503, 409])
def test_a_duplicate_in_flight_waits_and_is_told_to_come_back(endpoint, status):
    busy = Busy()
    one = endpoint(ledger=busy, in_flight_wait=0.05, in_flight_status=status)
    answer = one.send(signed())
    assert (answer.status, answer.code) == (status, "delivery_in_flight")
    assert int(answer.headers["retry-after"]) > 0
    assert one.handler.runs == 0
    assert busy.asked > 2


def test_without_a_wait_it_is_told_at_once(endpoint):
    busy = Busy()
    assert endpoint(ledger=busy, in_flight_wait=0).send(signed()).status == 503
    assert busy.asked == 1


def test_a_duplicate_during_the_run_is_not_handled_too(face):
    handler = Handler()
    one = Endpoint(face, handler, in_flight_wait=0)
    handler.meanwhile = lambda: (one.app, signed())
    assert one.send(signed()).status == 200
    assert handler.answered.status == 503
    assert handler.runs == 1


# --- a store that is away --------------------------------------------------------------------


def test_what_cannot_be_claimed_is_refused(endpoint):
    one = endpoint(ledger=FailingLedger("claim"))
    answer = one.send(signed())
    assert (answer.status, answer.code) == (503, "ledger_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert one.handler.runs == 0
    assert one.noted == ["ledger_failed", "rejected"]
    assert one.notes[0].detail == "ConnectionError"


def test_a_full_ledger_refuses(face):
    handler = Handler()
    one = Endpoint(face, handler, ledger=MemoryLedger(max_keys=1))
    handler.meanwhile = lambda: (one.app, signed("another"))
    assert one.send(signed()).status == 200
    assert handler.answered.code == "ledger_unavailable"


def test_a_good_reply_that_cannot_be_kept_is_sent(endpoint):
    one = endpoint(ledger=FailingLedger("complete"))
    assert one.send(signed()).body == b"done"
    assert one.noted == ["accepted", "settle_failed"]


def test_a_failure_that_cannot_be_released_is_sent(endpoint):
    one = endpoint(Handler(500), ledger=FailingLedger("release"))
    assert one.send(signed()).status == 500
    assert one.noted == ["accepted", "settle_failed"]
    assert one.notes[1].detail == "ConnectionError"


# --- one ledger, several endpoints -----------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "shared"),
    [({}, True), ({"namespace": "billing"}, False), ({"source": "acme"}, False)],
)
def test_endpoints_on_one_ledger_share_events_unless_set_apart(endpoint, settings, shared):
    ledger = MemoryLedger()
    endpoint(ledger=ledger).send(signed())
    assert endpoint(ledger=ledger, **settings).send(signed()).replayed == shared
