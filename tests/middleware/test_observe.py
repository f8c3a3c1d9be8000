"""What is told about requests, and what never is."""

import logging

import pytest

from hookseal import ConfigError, WebhookEvent
from hookseal.effects import Admitted
from hookseal.gate import Gate
from hookseal.ledger import MemoryLedger, Reply
from hookseal.observe import LoggingObserver, Note, Notes, Observers, SourceNames
from hookseal.policy import Policy

from .support import (
    BODY,
    OTHER_SECRET,
    PEER,
    SECONDS,
    SECRET,
    FailingLedger,
    Handler,
    forged,
    signed,
)


def lines(caplog):
    return [(record.levelname, record.getMessage()) for record in caplog.records]


@pytest.fixture
def observed(endpoint):
    """Makes an endpoint with the observer that is there by default."""

    def make(app=None, **settings):
        return endpoint(app, observer=LoggingObserver(), **settings)

    return make


def test_a_day_in_the_log(observed, caplog):
    caplog.set_level(logging.DEBUG, "hookseal")
    one = observed(Handler(200, 500))
    for call in (signed("a"), signed("a"), signed("a", b"changed"), signed("b"), forged()):
        one.send(call)
    said = "source='default' event_id="
    why = "code='signature_invalid' detail='No webhook signature matches.'"
    shown = [(level, line.partition(" seconds=")[0]) for level, line in lines(caplog)]
    assert shown == [
        ("DEBUG", f"accepted {said}'a'"),
        ("DEBUG", f"completed {said}'a'"),
        ("INFO", f"replayed {said}'a'"),
        ("WARNING", f"body_changed {said}'a'"),
        ("INFO", f"replayed {said}'a'"),
        ("DEBUG", f"accepted {said}'b'"),
        ("WARNING", f"released {said}'b'"),
        ("INFO", f"rejected {why} peer='{PEER}'"),
    ]


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING, logging.CRITICAL])
def test_a_logger_that_takes_less_is_told_less(observed, caplog, level):
    caplog.set_level(level, "hookseal")
    one = observed(ledger=FailingLedger("complete"))
    one.send(signed())
    one.send(forged())
    assert all(record.levelno >= level for record in caplog.records)
    assert len(caplog.records) == {logging.INFO: 2, logging.WARNING: 1}.get(level, 0)


def test_the_logger_may_be_chosen_and_still_decides(caplog):
    logger = logging.getLogger("mine")
    caplog.set_level(logging.WARNING, "mine")
    observer = LoggingObserver(logger)
    observer(Note("accepted"))
    observer(Note("settle_failed", detail="OSError"))
    assert lines(caplog) == [("WARNING", "settle_failed detail='OSError'")]
    assert caplog.records[0].name == "mine"


def test_neither_secrets_nor_signatures_nor_bodies_are_logged(observed, caplog):
    caplog.set_level(logging.DEBUG)

    def picker(request):
        raise RuntimeError(SECRET)

    calls = [signed("a", b"body-in-the-clear"), forged(body=b"body-in-the-clear")]
    for one in (observed(), observed(Handler(500)), observed(secrets=picker)):
        for call in calls:
            one.send(call)
    assert caplog.records
    hidden = [SECRET[6:], OTHER_SECRET[6:], "body-in-the-clear"]
    hidden += [call.headers["webhook-signature"][3:] for call in calls]
    assert not [text for text in hidden if text in caplog.text]


def test_what_a_peer_sends_cannot_forge_a_line(caplog):
    caplog.set_level(logging.INFO, "hookseal")
    LoggingObserver()(Note("rejected", detail="x\nINFO hookseal accepted"))
    assert "\n" not in caplog.records[0].getMessage()


def test_an_observer_may_say_what_it_wants(endpoint):
    class Picky:
        def __init__(self):
            self.notes = []

        def wants(self, name):
            return name == "rejected"

        def __call__(self, note):
            self.notes.append(note)

    picky = Picky()
    one = endpoint(observer=picky)
    one.send(signed())
    one.send(forged(peer=None))
    assert picky.notes == [
        Note("rejected", "signature_invalid", "No webhook signature matches.", peer="")
    ]


def test_a_note_about_an_event_says_all_but_its_body(endpoint):
    notes = []
    endpoint(source="acme", observer=notes.append).send(signed("evt_9"))
    accepted, completed = notes
    size = len(BODY)
    assert accepted == Note("accepted", source="acme", event_id="evt_9", attempt=1, body_bytes=size)
    assert completed == accepted._replace(name="completed", seconds=completed.seconds)


# --- how handlers end ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replies", "ledger", "end"),
    [
        ([200], MemoryLedger, "completed"),
        ([204], lambda: None, "completed"),
        ([500], MemoryLedger, "released"),
        ([500], lambda: None, "released"),
        ([200], lambda: FailingLedger("complete"), "settle_failed"),
        ([500], lambda: FailingLedger("release"), "settle_failed"),
    ],
)
def test_every_run_of_a_handler_ends_in_one_note_with_its_time(endpoint, replies, ledger, end):
    notes = []
    endpoint(Handler(*replies), ledger=ledger(), observer=notes.append).send(signed())
    assert [note.name for note in notes] == ["accepted", end]
    assert notes[0].seconds is None
    assert 0 <= notes[1].seconds < SECONDS


def test_a_run_that_raises_ends_too(endpoint):
    one = endpoint(Handler(RuntimeError()))
    with pytest.raises(RuntimeError):
        one.send(signed())
    assert [note.name for note in one.notes] == ["accepted", "released"]


def test_the_time_of_a_handler_is_that_of_the_clock(clock):
    notes = []
    writing = Notes(notes.append, clock=clock)
    since = writing.clock()
    clock.advance(2.5)
    writing.event("completed", WebhookEvent("a", None, b"", "standard", "acme"), since=since)
    assert notes == [Note("completed", "", "", "acme", "a", "", 1, 0, 2.5)]


def test_a_request_cancelled_while_it_is_settled_is_noted():
    notes = []
    gate = Gate(Policy(secrets=SECRET, observer=notes.append), asynchronous=False)
    event = WebhookEvent("a", None, BODY, "standard", "acme")
    settling = gate.settle(Admitted(event, b"key", b"token"), Reply(200, (), b""))
    next(settling)
    settling.close()  # as the loop does with the steps of a task that it cancels
    assert [(note.name, note.detail) for note in notes] == [("settle_failed", "Cancelled")]
    assert notes[0].seconds is not None


@pytest.mark.parametrize("fails", ["wants", "call"])
def test_a_note_about_the_store_of_limits_names_no_request(caplog, fails):
    notes = []
    Notes(notes.append).limits("limits_failed", "ConnectionError")
    assert notes == [Note("limits_failed", detail="ConnectionError")]
    Notes(Picky("limits_recovered")).limits("limits_failed", "not wanted")
    Notes(Picky("limits_failed", fails)).limits("limits_failed", "")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_later_attempt_and_a_run_time_are_logged(caplog):
    caplog.set_level(logging.DEBUG, "hookseal")
    LoggingObserver()(Note("completed", event_id="a", attempt=2, seconds=1.5))
    assert lines(caplog) == [("DEBUG", "completed event_id='a' attempt=2 seconds=1.500")]


# --- several observers, and broken ones ------------------------------------------------------


class Picky:
    """Takes notes of one name, and may fail at one of its two methods."""

    def __init__(self, name, fails=None):
        self.name, self.fails, self.notes = name, fails, []

    def wants(self, name):
        if self.fails == "wants":
            raise OSError("broken pipe")
        return name == self.name

    def __call__(self, note):
        if self.fails == "call":
            raise OSError("broken pipe")
        self.notes.append(note)


def test_several_observers_get_what_each_wants(endpoint):
    everything, picky = [], Picky("rejected")
    one = endpoint(observer=Observers(everything.append, picky))
    one.send(signed())
    one.send(forged())
    assert [note.name for note in everything] == ["accepted", "completed", "rejected"]
    assert [note.name for note in picky.notes] == ["rejected"]


def test_observers_want_what_one_of_them_wants():
    both = Observers(Picky("rejected"), Picky("replayed"))
    assert [both.wants(name) for name in ("rejected", "replayed", "accepted")] == [
        True,
        True,
        False,
    ]
    assert not Observers().wants("accepted")


@pytest.mark.parametrize("fails", ["wants", "call"])
def test_an_observer_that_raises_harms_nobody_and_is_logged_once(endpoint, caplog, fails):
    others = []
    observers = Observers(Picky("accepted", fails), others.append)
    one = endpoint(observer=observers)
    answers = [one.send(signed(name)).status for name in ("a", "b")]
    forged_answer = one.send(forged())
    assert (answers, forged_answer.status) == ([200, 200], 401)
    assert [note.name for note in others] == ["accepted", "completed"] * 2 + ["rejected"]
    assert observers.failures == {"wants": 10, "call": 2}[fails]
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in failures] == [
        "the observer Picky failed, so that notes are missing; this is said once"
    ]


@pytest.mark.parametrize("fails", ["wants", "call"])
def test_a_lone_observer_that_raises_breaks_no_request(endpoint, caplog, fails):
    good = endpoint(observer=Picky("accepted", fails))
    bad = endpoint(observer=Picky("rejected", fails))
    assert (good.send(signed()).status, bad.send(forged()).status) == (200, 401)
    assert good.send(signed()).replayed
    assert len([one for one in caplog.records if one.levelno == logging.ERROR]) == 2


class AsyncObserver:
    async def __call__(self, note): ...


async def observe(note): ...


@pytest.mark.parametrize("wrong", [None, "print", observe, AsyncObserver()])
def test_what_cannot_be_called_at_once_is_refused_at_construction(endpoint, wrong):
    with pytest.raises(ConfigError, match="observer"):
        endpoint(observer=wrong)
    with pytest.raises(ConfigError, match="observer"):
        Observers(wrong)


# --- labels ----------------------------------------------------------------------------------


def test_so_many_sources_have_names_and_the_rest_is_other():
    names = SourceNames(2)
    assert [names.label(name) for name in ("a", "b", "c", "a", "", "d")] == [
        "a",
        "b",
        "other",
        "a",
        "",
        "other",
    ]


def test_a_limit_below_nothing_is_refused():
    assert SourceNames(0).label("a") == "other"
    with pytest.raises(ConfigError, match="max_sources"):
        SourceNames(-1)
