"""Budgets of failed requests and of events, on both faces."""

import pytest

from hookseal.ledger import MemoryLedger
from hookseal.sources import Source

from .support import OTHER_SECRET, PEER, SECRET, FailingLedger, forged, signed


def statuses(endpoint, *calls):
    return [endpoint.send(call).status for call in calls]


# --- failures --------------------------------------------------------------------------------


def test_an_address_that_keeps_failing_is_held_off_but_no_other(endpoint):
    one = endpoint(failure_budget="2/hour")
    assert statuses(one, forged(), forged()) == [401, 401]
    held_off = one.send(signed())
    assert (held_off.status, held_off.code) == (429, "too_many_failures")
    assert 0 < int(held_off.headers["retry-after"]) <= 3600
    assert one.send(signed(peer="198.51.100.8")).status == 200
    assert one.handler.runs == 1


@pytest.mark.parametrize(
    "failing",
    [forged(), signed(age=1000), signed(age=-1000), signed(headers={"webhook-id": ""})],
    ids=["forged", "old", "new", "misshapen"],
)
def test_every_failure_of_the_senders_counts(endpoint, failing):
    one = endpoint(failure_budget="1/hour")
    one.send(failing)
    assert one.send(signed()).status == 429


@pytest.mark.parametrize(
    "failing",
    [signed(method="GET"), signed(scheme="http"), signed(headers={"content-encoding": "gzip"})],
    ids=["method", "plain HTTP", "compressed"],
)
def test_other_refusals_do_not_count(endpoint, failing):
    one = endpoint(failure_budget="1/hour")
    assert statuses(one, failing, failing)[1] < 429
    assert one.send(signed()).status == 200


def test_successes_do_not_count(endpoint):
    one = endpoint(failure_budget="1/hour")
    assert statuses(one, *(signed(f"evt_{number}") for number in range(5))) == [200] * 5


def test_ipv6_addresses_count_by_their_64(endpoint):
    one = endpoint(failure_budget="1/hour")
    one.send(forged(peer="2001:db8:0:1::1"))
    assert one.send(signed(peer="2001:db8:0:1:ffff::9")).status == 429
    assert one.send(signed(peer="2001:db8:0:2::1")).status == 200


def test_without_a_budget_nobody_is_held_off(endpoint):
    one = endpoint(failure_budget=None)
    assert statuses(one, *[forged()] * 50) == [401] * 50


def test_a_shared_or_unknown_address_is_not_held_off(endpoint):
    proxied = {"headers": {"x-forwarded-proto": "https"}, "scheme": "http"}
    one = endpoint(failure_budget="1/hour", trusted_proxies=[PEER, "unix"])
    assert statuses(one, *[forged(**proxied)] * 3) == [401] * 3
    assert one.send(signed(**proxied)).status == 200
    assert statuses(one, *[forged(**proxied, peer=None)] * 3) == [401] * 3


def test_behind_a_proxy_the_clients_address_counts(endpoint):
    def via(client):
        headers = {"x-forwarded-proto": "https", "x-forwarded-for": client}
        return {"headers": headers, "scheme": "http"}

    one = endpoint(failure_budget="1/hour", trusted_proxies=[PEER])
    one.send(forged(**via("192.0.2.1")))
    assert one.send(signed(**via("192.0.2.1"))).status == 429
    assert one.send(signed(**via("192.0.2.2"))).status == 200


# --- events of a source ----------------------------------------------------------------------


def test_a_source_that_sends_too_much_is_told_when_to_go_on(endpoint):
    ledger = MemoryLedger()
    one = endpoint(source_budget="2/hour", ledger=ledger)
    answers = [one.send(signed(event_id)) for event_id in "abc"]
    assert [answer.status for answer in answers] == [200, 200, 429]
    refused = answers[2]
    seconds = int(refused.headers["retry-after"])
    assert refused.code == "source_rate_limited"
    assert 0 < seconds <= 3600
    assert refused.headers["ratelimit-policy"] == '"source_budget";q=2;w=3600'
    assert refused.headers["ratelimit"] == f'"source_budget";r=0;t={seconds}'
    assert len(ledger) == 2  # the third is free to be handled later


def test_a_replay_costs_nothing(endpoint):
    one = endpoint(source_budget="2/hour")
    assert statuses(one, *[signed("a")] * 5, signed("b")) == [200] * 6
    assert one.send(signed("c")).status == 429
    assert one.send(signed("b")).replayed


def test_each_source_has_its_own(endpoint):
    tenants = {"acme": Source("acme", SECRET), "globex": Source("globex", OTHER_SECRET)}
    one = endpoint(secrets=lambda request: tenants[request.header("x-tenant")],
                   source_budget="1/hour")  # fmt: skip
    acme = {"headers": {"x-tenant": "acme"}}
    assert statuses(one, signed("a", **acme), signed("b", **acme)) == [200, 429]
    assert one.send(signed(secret=OTHER_SECRET, headers={"x-tenant": "globex"})).status == 200


def test_it_is_counted_without_a_ledger_too(endpoint):
    one = endpoint(ledger=None, source_budget="1/hour")
    assert statuses(one, signed(), signed()) == [200, 429]


def test_without_a_budget_a_source_may_send_what_it_likes(endpoint):
    one = endpoint(source_budget=None)
    assert statuses(one, *(signed(f"evt_{number}") for number in range(20))) == [200] * 20


def test_a_store_that_fails_to_release_does_not_change_the_refusal(endpoint):
    ledger = FailingLedger("release")
    one = endpoint(source_budget="1/hour", ledger=ledger)
    assert statuses(one, signed("a"), signed("b")) == [200, 429]
    assert one.noted == ["accepted", "settle_failed", "rejected"]
