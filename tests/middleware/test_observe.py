"""What is told about requests, and what never is."""

import logging

import pytest

from hookseal.observe import LoggingObserver, Note

from .support import OTHER_SECRET, PEER, SECRET, FailingLedger, Handler, forged, signed


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
    assert lines(caplog) == [
        ("DEBUG", f"accepted {said}'a'"),
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


def test_a_note_about_an_event_names_source_and_id(endpoint):
    one = endpoint(source="acme")
    one.send(signed("evt_9"))
    assert one.notes == [Note("accepted", source="acme", event_id="evt_9")]
