"""What is read of queries and forms: whatever is written, it is a value or a fault beside it."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.api import Services
from hookseal_sender.console.asking import read_query
from hookseal_sender.console.choosing import choice_of, chosen, groups_of
from hookseal_sender.console.inputs import FormFaults, draft_in, rotation_seconds
from hookseal_sender.console.words import STATES
from hookseal_sender.model import DeliveryState, EventType
from hookseal_sender.patterns import check_pattern
from hookseal_sender.store.rows import first_id
from tests.sample_sender.api.conftest import KEY, LOOPBACK

NAMES = ["id", "state", "code", "event", "from", "to"]
FIELDS = {*NAMES, "behind"}
TIMES = st.datetimes().map(lambda moment: moment.isoformat()) | st.text(
    "0123456789-:T+Z.", max_size=40
)
QUERIES = st.dictionaries(
    st.sampled_from(sorted(FIELDS)) | st.text(max_size=4),
    st.text(max_size=300) | TIMES | st.sampled_from(["5xx", "NONE", "503", "failed", "a.b"]),
)

# --- queries -----------------------------------------------------------------------------------


@given(QUERIES)
def test_any_query_is_read_or_told(query):
    found = read_query(query)
    assert set(found.faults) <= set(NAMES) - {"id"}
    assert all(words.endswith(".") for words in found.faults.values())
    where = found.where
    assert where.status is None or where.status_class is None
    for moment in (where.after_ms, where.before_ms):
        assert moment is None or first_id("msg_", moment).startswith("msg_")
    for text in (found.id, found.behind or "", *found.given.values()):
        assert "\0" not in text
        assert len(text) <= 256


@given(QUERIES)
def test_a_query_is_the_same_when_it_goes_on(query):
    found = read_query(query)
    again = read_query(dict(parse_qsl(found.going_on("msg_x"))))
    assert (again.where, again.id, again.behind) == (found.where, found.id, "msg_x")
    assert again.text == found.text


def test_every_state_can_be_asked_for():
    for state in DeliveryState:
        assert read_query({"state": STATES[state].query}).where.states == (state,)
    assert read_query({"state": ""}).where.states is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-15T08:00", 1_800_000_000_000),
        ("2027-01-15 08:00:00.5", 1_800_000_000_500),
        ("2027-01-15T08:00Z", 1_800_000_000_000),
        ("2027-01-15T09:00+01:00", 1_800_000_000_000),
        ("2027-01-15", 1_799_971_200_000),
        ("1969-12-31", 0),
        ("0001-01-01T00:00+23:59", 0),
        ("tomorrow", None),
        ("15.1.2027", None),
    ],
)
def test_a_time_is_in_utc_unless_it_says_otherwise(text, moment):
    for name, field in (("from", "after_ms"), ("to", "before_ms")):
        found = read_query({name: f" {text} "})
        assert getattr(found.where, field) == moment
        assert (name in found.faults) is (moment is None)


# --- choosing events ---------------------------------------------------------------------------

PART = st.text("ab", min_size=1, max_size=2)
EVENT = st.lists(PART, min_size=1, max_size=3).map(".".join)
PATTERN = EVENT | EVENT.map("{}.*".format)


def event_types(names):
    return [
        EventType(name=name, description="", org_id="o", created_ms=0, updated_ms=0)
        for name in sorted(names)
    ]


def form_of(choice):
    """What a browser sends of the form that shows ``choice``."""
    return [
        ("events", "all" if choice.everything else "some"),
        *(("event", each) for each in sorted(choice.checked)),
        ("patterns", choice.patterns.replace("\n", "\r\n")),
    ]


@given(st.sets(EVENT, max_size=8), st.none() | st.lists(PATTERN, min_size=1, unique=True))
def test_a_choice_that_nobody_touched_stays(names, selected):
    groups = groups_of(event_types(names))
    again = chosen(form_of(choice_of(selected, groups)))
    assert again is None if selected is None else set(again) == set(selected)


@given(st.sets(EVENT, max_size=8))
def test_every_event_is_in_one_group_with_its_prefix(names):
    groups = groups_of(event_types(names))
    grouped = [(group, each.name) for group in groups for each in group.members]
    assert sorted(name for _, name in grouped) == sorted(names)
    assert [group.name for group in groups] == sorted({name.split(".")[0] for name in names})
    for group, name in grouped:
        assert name == group.name or name.startswith(f"{group.name}.")
        assert check_pattern(group.pattern) is None


def test_a_star_is_everything():
    assert choice_of(["*", "a"], []).everything


@given(st.text())
def test_any_text_is_patterns_each_once(text):
    found = chosen([("events", "some"), ("patterns", text)])
    assert len(found) == len(set(found))
    assert all(each and not set(each) & set(", \n\t") for each in found)


# --- forms -------------------------------------------------------------------------------------

SERVICES = Services(store=None, tokens=KEY, guard=LOOPBACK, clock=lambda: 0)
FORM_FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["name", "url", "description", "events", "event", "patterns", "throttle",
                         "timeout", "x"]),
        st.text() | st.sampled_from(["some", "a.*", "1", "2.5", "https://example.com/"]),
    )
)  # fmt: skip


@given(FORM_FIELDS)
def test_any_form_is_an_endpoint_or_faults_beside_its_fields(fields):
    try:
        draft, faults = draft_in(fields, SERVICES), {}
    except FormFaults as error:
        draft, faults = None, error.faults
    assert bool(faults) is (draft is None)
    assert set(faults) <= {"name", "url", "description", "events", "throttle", "timeout"}
    assert all(words.endswith((".", "!", "?")) for words in faults.values())
    if draft is not None:
        assert draft.name.strip() == draft.name != ""
        assert draft.event_types != ()


@given(st.text())
def test_any_overlap_is_one_of_the_choices(text):
    assert rotation_seconds(text) in {0, 3600, 86_400, 604_800}


def test_a_query_is_written_for_a_url():
    assert read_query({"event": "a&b=c", "id": "x y"}).text == urlencode(
        {"id": "x y", "event": "a&b=c"}
    )
