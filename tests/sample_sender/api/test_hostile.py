"""No input makes a server error: found by searching."""

import asyncio
import contextlib
import json

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hookseal_sender.api import Services, create_app
from hookseal_sender.api.body import MalformedBody, parse_exactly, parse_object
from hookseal_sender.api.fields import InputInvalid
from hookseal_sender.api.headers import header_fault
from hookseal_sender.api.inputs import event_type_in
from hookseal_sender.api.operations import OPERATIONS
from hookseal_sender.api.schemas import sample, schema_fault
from hookseal_sender.api.times import moment_ms, time_text
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.store import open_store
from tests.sample_sender.api.conftest import KEY, LOOPBACK
from tests.sample_sender.fuzzing import bounds

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["name", "uid", "url", "metadata", "description", "eventTypes", "filterTypes", "disabled",
     "secret", "eventType", "payload", "eventId", "channels", "throttleRate", "headers", "since",
     "until", "state", "statusCode", "schemas", "enforced", "retrySchedule", "timeout", "plan",
     "application", "transformationsParams", "deliverAt", "key", "gracePeriodSeconds", "expiry"]
)  # fmt: skip
GOOD = {
    "name": "t", "url": "https://example.com/", "eventType": "a", "payload": {}, "description": "",
    "since": "2020-01-01", "headers": {},
}  # fmt: skip
OBJECTS = st.dictionaries(FIELDS, JSON, max_size=4)
BODIES = (
    st.binary(max_size=100)
    | OBJECTS.map(lambda value: json.dumps(value).encode())
    | OBJECTS.map(lambda value: json.dumps({**GOOD, **value}).encode())
)
QUERY = st.dictionaries(
    st.sampled_from(["limit", "iterator", "order", "before", "status", "state", "event_types"]),
    st.text(max_size=12),
    max_size=3,
)
PARTS = {
    "app_id": "t",
    "endpoint_id": "e",
    "msg_id": "m",
    "attempt_id": "a",
    "event_type_name": "n",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request):
    return request.param


@contextlib.asynccontextmanager
async def api_client(store, clock):
    token = KEY.issue(Scope(org_id=DEFAULT_ORGANISATION), now=int(clock()))
    services = Services(store=store, tokens=KEY, guard=LOOPBACK, clock=clock)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(create_app(services)),
        base_url="http://s/api/v1",
        headers={"authorization": f"Bearer {token}"},
    ) as client:
        yield client
    await store.close()


@pytest.fixture
def asking(database_url, vault, clock):
    """Give answers to requests, all by one server."""

    async def ask(client, requests):
        return [await client.request(method, path, **rest) for method, path, rest in requests]

    with asyncio.Runner() as runner:
        using = api_client(open_store(database_url, vault, clock=clock.database), clock)
        client = runner.run(using.__aenter__())
        yield lambda requests: runner.run(ask(client, requests))
        runner.run(using.__aexit__(None, None, None))


@given(
    operation=st.sampled_from(OPERATIONS), body=BODIES, query=QUERY, part=st.text(max_size=6),
    key=st.sampled_from([b"", b"k", b"\xff"]),
)  # fmt: skip
@settings(**bounds(300), suppress_health_check=list(HealthCheck))
def test_no_input_makes_a_server_error(asking, operation, body, query, part, key):
    path = operation.path.format(**PARTS)
    strange = operation.path.format(**dict.fromkeys(PARTS, quoted(part)))
    headers = {"idempotency-key": key}
    answers = asking(
        [
            ("PUT", "/app/t", {"json": {"name": "t"}}),
            ("PUT", "/app/t/endpoint/e", {"json": {"url": "https://example.com/"}}),
            (operation.method, path, {"params": query, "content": body, "headers": headers}),
            (operation.method, strange, {"content": body}),
        ]
    )
    for answer in answers:
        assert answer.status_code < 500
        if answer.content:
            answer.json()


def quoted(part):
    return "".join(f"%{byte:02x}" for byte in part.encode("utf-8", "surrogatepass")) or "x"


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_body_is_an_object_that_can_be_written_or_is_refused(body):
    try:
        value = parse_object(body)
    except MalformedBody:
        return
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


SPACE = st.text(" \t\n\r", max_size=2)


@st.composite
def written(draw, value):
    """Write JSON as somebody might: with spaces, escapes, and names that come twice."""
    if isinstance(value, dict):
        pairs = draw(st.permutations([*value.items()]))
        pairs = [(name, None) for name, _ in pairs if draw(st.booleans())] + pairs
        members = [
            f"{json.dumps(name)}{draw(SPACE)}:{draw(SPACE)}{draw(written(each))}"
            for name, each in pairs
        ]
        text = f",{draw(SPACE)}".join(members)
        return f"{draw(SPACE)}{{{draw(SPACE)}{text}{draw(SPACE)}}}"
    return json.dumps(value, ensure_ascii=draw(st.booleans())) + draw(SPACE)


FINITE = JSON.filter(lambda value: "NaN" not in json.dumps(value).replace("Infinity", "NaN"))


@given(st.dictionaries(st.sampled_from(["payload", "a", 'b"', "\\", ""]), FINITE), st.data())
def test_a_member_is_found_exactly_as_it_was_written(value, data):
    inner = data.draw(written(value))
    text = data.draw(written({"a": 1, "b": value}))
    body = text.rstrip()[:-1].rstrip() + f',"payload" : {inner} }}\n'
    parsed, exact = parse_exactly(body.encode(), "payload")
    assert parsed == json.loads(body)
    assert exact.decode() == inner.strip()
    assert json.loads(exact) == value


@given(st.text('{}[]":,\\ua1 e.-tn\n', max_size=30) | st.text(max_size=20))
def test_the_same_texts_are_objects_as_for_the_library(text):
    def library():
        value = json.loads(text, parse_constant=float.fromhex)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        return isinstance(value, dict)

    def ours():
        return isinstance(parse_object(text.encode()), dict)

    def outcome(parse):
        try:
            return parse()
        except (ValueError, MalformedBody):
            return False

    assert outcome(ours) == outcome(library)


@given(st.text(max_size=40))
def test_a_time_is_read_or_refused(text):
    with contextlib.suppress(ValueError):
        moment = moment_ms(text)
        assert moment_ms(time_text(moment)) == moment


def test_a_time_that_is_refused_is_told_how_to_write():
    with pytest.raises(ValueError, match="2030-01-31T12:00:00Z"):
        moment_ms("soon")


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_times_survive_being_written(unix_ms):
    assert moment_ms(time_text(unix_ms)) == unix_ms


KEYWORDS = st.sampled_from(
    ["type", "properties", "items", "$ref", "$dynamicRef", "enum", "examples", "pattern", "minimum",
     "default", "$id", "$schema", "allOf", "$defs", "required", "format", "const"]
)  # fmt: skip
SCHEMAS = st.recursive(
    JSON | st.sampled_from(["object", "string", "integer", "#", "#/properties/type", "http://x/"]),
    lambda inner: st.dictionaries(KEYWORDS, inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=12,
)


@given(st.dictionaries(KEYWORDS, SCHEMAS, max_size=4))
def test_a_schema_is_refused_or_has_a_sample(schema):
    fault = schema_fault(schema)
    if fault is None:
        assert isinstance(sample(schema), dict)
    with contextlib.suppress(InputInvalid):
        event_type_in({"name": "a", "description": "", "schemas": {"1": schema}})


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_header_that_is_accepted_cannot_end_its_line(name, value):
    if header_fault(name, value) is None:
        line = f"{name}: {value}".encode("ascii")
        assert b"\r" not in line
        assert b"\n" not in line
        assert b"\x00" not in line


@pytest.mark.parametrize("schema", [{"items": {"$ref": "#"}}, {"properties": {"a": {"$ref": "#"}}}])
def test_a_schema_may_refer_to_itself(schema):
    assert schema_fault(schema) is None
    assert isinstance(sample(schema), dict)
