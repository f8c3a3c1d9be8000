"""Schemas of payloads: no schema and no payload takes long, whatever they are."""

import json
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, validators

from hookseal_sender.api.fields import InputInvalid
from hookseal_sender.api.inputs import event_type_in
from hookseal_sender.api.schemas import schema_fault, too_large
from hookseal_sender.errors import PayloadRefused
from hookseal_sender.payload_schema import (
    PayloadSchema,
    SchemaUnusable,
    TooMuchWork,
    pattern_work,
)
from hookseal_sender.schema_cost import Cost, EndlessSchema, SchemaCosts
from hookseal_sender.store.validating import check_payload

PATIENCE = 10.0
"""Seconds of the processor; what is bounded takes under one."""


@pytest.fixture
def _soon():
    start = time.process_time()
    yield
    assert time.process_time() - start < PATIENCE


GREEDY = "[01]*1[01]{800}2"
"""A regular expression whose automaton outgrows its cache, of nearly the size that is allowed."""


def doubled(levels, leaf):
    """Return a schema that has ``leaf`` evaluated 2 ** levels times by references."""
    names = {
        f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]}
        for i in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**names, f"d{levels}": leaf}}


def twice(inner):
    return {"allOf": [inner, inner]}


def nested(times, value=1):
    for _ in range(times):
        value = {"a": value}
    return json.dumps(value).encode()


# --- what is refused when it is made -----------------------------------------------------------


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|a)*b", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_pattern_that_others_backtrack_in_is_matched_in_linear_time(pattern):
    schema = {"properties": {"a": {"pattern": pattern}}}
    assert schema_fault(schema) is None
    assert PayloadSchema(schema).fault(json.dumps({"a": "a" * 200_000 + "!"}).encode())


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"pattern": "(?=a)b"}, "without lookaround"),
        ({"patternProperties": {r"(a)\1": {}}}, "without lookaround"),
        ({"items": {"pattern": "(a{1000}){1000}"}}, "must not be too long"),
        (doubled(18, {}), "use fewer references"),
        (doubled(60, {"type": "object"}), "use fewer references"),
        ({"allOf": [{"pattern": GREEDY}] * 2}, "use fewer references"),
        ({"items": {"multipleOf": 5e-324}}, "'multipleOf' may be from 1e-80"),
        ({"items": {"multipleOf": 10**4000}}, "'multipleOf' may be from 1e-80"),
        ({"$ref": "#"}, "in a circle"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}}, "in a circle"),
        ({"items": {"$id": "https://example.com/", "$ref": "#"}}, "at the top only"),
        ({"$dynamicRef": "https://example.com/"}, "must begin with '#'"),
        ({"$ref": "#/allOf/1", "allOf": [True]}, "leads nowhere"),
        ({"dependencies": {"a": {"$ref": "#/none"}}}, "leads nowhere"),
        ({"type": "nothing"}, "not a JSON Schema (draft 2020-12): type"),
        ({"properties": {"a": {"$ref": "#/$defs/" + "a" * 500}}}, "leads nowhere"),
    ],
)
def test_a_schema_that_could_take_long_or_leads_out_of_itself_is_refused(schema, words):
    fault = schema_fault(schema)
    assert words in fault
    assert len(fault) < 500


@pytest.mark.usefixtures("_soon")
def test_a_chain_of_references_that_is_too_long_is_refused():
    names = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(1000)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**names, "d1000": {}}}
    assert schema_fault(schema) == "this is nested too deep"


def test_all_versions_together_have_a_size():
    assert too_large({"1": {"enum": [*range(4000)]}}) is None
    assert "values" in too_large({str(i): {"enum": [*range(100)]} for i in range(60)})
    many = {"allOf": [{"pattern": "a"}, {"patternProperties": {"a": {}, "b": {}}}] * 50}
    assert too_large({"1": many}) is None
    assert "regular expressions" in too_large({"1": many, "2": many})


def test_the_api_refuses_too_large_a_schema_and_a_pattern_that_cannot_be_matched_fast():
    for schema in ({"enum": [*range(6000)]}, {"pattern": "(?!a)"}):
        with pytest.raises(InputInvalid):
            event_type_in({"name": "a", "description": "", "schemas": {"1": schema}})


# --- what is refused when it is published ------------------------------------------------------


@pytest.mark.usefixtures("_soon")
def test_a_schema_that_doubles_with_the_depth_of_the_value_is_for_shallow_ones():
    schema = {"properties": {"a": twice({"$ref": "#"})}}
    assert schema_fault(schema) is None
    ready = PayloadSchema(schema)
    assert ready.fault(nested(10)) is None
    with pytest.raises(TooMuchWork):
        ready.fault(nested(60))


def test_a_schema_may_refer_to_itself_however_deep_the_value():
    tree = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "a": {"$ref": "#"}}}
    assert schema_fault(tree) is None
    assert PayloadSchema(tree).fault(nested(90)) is None


@pytest.mark.usefixtures("_soon")
def test_work_is_bounded_by_schema_times_value():
    schema = {"items": {"allOf": [{"multipleOf": 0.01}] * 30}}
    ready = PayloadSchema(schema)
    assert ready.fault(json.dumps([1.25] * 1000).encode()) is None
    with pytest.raises(TooMuchWork):
        ready.fault(json.dumps([1.25] * 200_000).encode())


@pytest.mark.usefixtures("_soon")
def test_two_mebibytes_are_checked_with_the_schema_of_a_rich_event():
    row = {
        "type": "object",
        "required": [f"field{i}" for i in range(8)],
        "properties": {f"field{i}": {"type": "string", "maxLength": 50} for i in range(8)},
        "additionalProperties": False,
    }
    schema = {"type": "object", "properties": {"rows": {"type": "array", "items": row}}}
    payload = json.dumps({"rows": [{f"field{i}": "a" * 20 for i in range(8)}] * 7600}).encode()
    assert 2_000_000 < len(payload) < 2_100_000
    assert PayloadSchema(schema).fault(payload) is None


@pytest.mark.usefixtures("_soon")
def test_the_size_of_a_pattern_bounds_the_texts_it_is_matched_with():
    bits = random.Random(1).choices("01", k=1_000_000)
    ready = PayloadSchema({"properties": {"a": {"pattern": GREEDY}}})
    with pytest.raises(TooMuchWork):  # it would take 4 s
        ready.fault(json.dumps({"a": "".join(bits)}).encode())
    assert ready.fault(json.dumps({"a": "".join(bits[:20_000])}).encode()) is not None


@pytest.mark.parametrize("pattern", ["^[a-z]+$", "^cus_[A-Za-z0-9]+$", "^x-", "^https://"])
def test_a_usual_pattern_is_for_texts_of_any_length(pattern):
    ready = PayloadSchema({"properties": {"a": {"pattern": pattern}}})
    ready.fault(json.dumps({"a": "a" * 2_000_000}).encode())


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize(
    ("number", "is_checked"),
    [(2**256, True), (-1e80, True), (1e-80, True), (0, True), (10**81, False), (-1e81, False),
     (1e-81, False), (int("7" * 4000), False)],
)  # fmt: skip
def test_numbers_that_take_long_are_refused(number, is_checked):
    schema = {"items": {"allOf": [{"multipleOf": 0.1}, {"minimum": -1e300}] * 10}}
    fault = PayloadSchema(schema).fault(json.dumps([1, number] + [number] * 20).encode())
    assert ("numbers are checked from 1e-80 to 1e+80" in (fault or "")) is not is_checked


@pytest.mark.usefixtures("_soon")
def test_integers_that_unique_items_would_compare_each_with_each_are_refused():
    close, snowflakes = [2**63 + i for i in range(20_000)], [2**60 + i * 2**22 for i in range(5000)]
    ready = PayloadSchema({"uniqueItems": True})
    assert "too close to each other" in ready.fault(json.dumps(close).encode())
    assert ready.fault(json.dumps(snowflakes).encode()) is None
    assert ready.fault(json.dumps([{"a": 2**60 + 1, "b": i} for i in range(5000)]).encode()) is None
    assert PayloadSchema({"type": "array"}).fault(json.dumps(close).encode()) is None


@pytest.mark.parametrize("payload", [nested(250), b"[" * 400 + b"]" * 400])
def test_a_value_that_is_nested_too_deep_is_refused(payload):
    with pytest.raises(TooMuchWork):
        PayloadSchema({"type": "object"}).fault(payload)


@pytest.mark.parametrize("payload", [b"NaN", b'{"a": Infinity}', b"{", b"\xff", b'"\\ud800"'])
def test_what_is_no_json_is_refused(payload):
    with pytest.raises(ValueError, match=r"."):
        PayloadSchema({"type": "string"}).fault(payload)


@pytest.mark.parametrize(
    "schema", [False, [], {"type": "nothing"}, {"$ref": "#/a"}, {"$ref": "#"}, {"pattern": "(?=a)"}]
)
def test_a_schema_that_was_stored_although_it_cannot_be_used_lets_nothing_through(schema):
    with pytest.raises(SchemaUnusable):
        PayloadSchema(schema).fault(b"{}")


@pytest.mark.usefixtures("_soon")
def test_a_fault_is_located_where_that_takes_little():
    schema = {"properties": {"a": {"items": {"anyOf": [{"type": "string"}] * 100}}}}
    ready = PayloadSchema(schema)
    assert ready.fault(b'{"a": ["b", 1]}') == "$.a[1] does not satisfy 'anyOf'"
    assert ready.fault(b'{"a": [1, "' + b"b" * 2_000_000 + b'"]}') == (
        "it does not satisfy the schema"
    )


@pytest.mark.parametrize(
    ("schema", "payload", "words"),
    [
        ({"type": "string"}, b"{}", "payload: $ does not satisfy 'type' (schema of event type 'e'"),
        ({"type": "string"}, b"{", "payload: this is not JSON"),
        ({"type": "nothing"}, b"{}", "the schema of event type 'e' cannot be used"),
        ({"type": "object"}, nested(300), "takes too long with the schema of event type 'e'"),
    ],
)
def test_each_refusal_has_its_words(schema, payload, words):
    with pytest.raises(PayloadRefused) as refused:
        check_payload("e", json.dumps({"1": schema}), payload)
    assert words in str(refused.value)


# --- the bound ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "cost"),
    [
        ({}, Cost(1, 0, 1)),
        ({"title": "a", "$defs": {"a": {}}, "examples": [1]}, Cost(1, 0, 1)),
        ({"pattern": "a"}, Cost(2, 1, 1)),
        ({"pattern": GREEDY}, Cost(2, 350, 1)),
        ({"pattern": "^[^@]+@[^@]+$"}, Cost(2, 60, 1)),
        ({"patternProperties": []}, Cost(1, 0, 1)),
        ({"patternProperties": {"a": {"pattern": "b"}}}, Cost(4, 3, 2)),
        ({"properties": {"a": {"pattern": "b"}, "b": True}}, Cost(5, 1, 2)),
        ({"prefixItems": []}, Cost(1, 0, 1)),
        ({"enum": ["a", 1, {"a": "b"}]}, Cost(105, 0, 1)),
        ({"const": 1}, Cost(51, 0, 1)),
        ({"required": ["a", "b"]}, Cost(4, 0, 1)),
        ({"unevaluatedProperties": False}, Cost(6, 0, 2)),
        ({"items": {"$ref": "#"}}, Cost(6, 0, 6)),
        ({"$ref": "#b", "$defs": {"a": {"$anchor": "b", "minimum": 1}}}, Cost(53, 0, 2)),
        ({"$dynamicRef": "#b", "$defs": {"a": {"$dynamicAnchor": "b"}}}, Cost(3, 0, 2)),
        ({"$ref": "#/allOf/0/x~1y%20", "allOf": [{"x/y ": {}}]}, Cost(4, 0, 2)),
        ({"$ref": 1}, Cost(2, 0, 1)),
    ],
)
def test_costs(schema, cost):
    assert SchemaCosts(schema, pattern_work).at(3) == cost


@pytest.mark.parametrize("reference", ["#/a", "#/allOf/x", "#/allOf/7", "#/title/a", "#a", "#/b/c"])
def test_a_reference_that_leads_nowhere_has_no_cost(reference):
    schema = {"$ref": reference, "allOf": [{}], "title": "a", "b": 5}
    with pytest.raises(LookupError):
        SchemaCosts(schema, pattern_work).at(3)


def test_a_circle_has_no_cost_however_often_it_is_asked_for():
    costs = SchemaCosts({"anyOf": [{"$ref": "#"}]}, pattern_work)
    for _ in range(2):
        with pytest.raises(EndlessSchema):
            costs.at(3)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=10,
)
REFERENCES = st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "#/properties/a"])
PLAIN = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "array", "string"]),
        "minimum": st.integers(0, 2),
        "enum": st.lists(JSON, min_size=1, max_size=3),
        "pattern": st.just("a"),
        "required": st.just(["a"]),
    },
)


def combined(inner):
    several = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "$ref": REFERENCES, "allOf": several, "anyOf": several, "oneOf": several,
            "not": inner, "if": inner, "then": inner, "properties": named,
            "patternProperties": named, "additionalProperties": inner, "items": inner,
            "prefixItems": several, "contains": inner, "propertyNames": inner,
            "dependentSchemas": named,
        },
    )  # fmt: skip


SCHEMAS = st.recursive(PLAIN | st.booleans(), combined, max_leaves=8)


def depth_of(value):
    parts = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, parts), default=0) if isinstance(value, (dict, list)) else 1


class Enough(Exception):
    """So many keywords were evaluated that it need not go on."""


def counting(count):
    """Return the validator of the reference implementation, which tells ``count`` each step."""

    def counted(function):
        def rule(validator, value, instance, schema):
            count.append(1)
            if len(count) > 20_000:
                raise Enough
            yield from function(validator, value, instance, schema) or ()

        return rule

    rules = {name: counted(rule) for name, rule in Draft202012Validator.VALIDATORS.items()}
    return validators.extend(Draft202012Validator, rules)


@given(st.fixed_dictionaries({"$defs": st.fixed_dictionaries({"a": SCHEMAS, "b": SCHEMAS})}),
       combined(SCHEMAS), JSON)  # fmt: skip
def test_validation_takes_no_more_steps_than_was_told(names, root, value):
    schema = names | root
    if schema_fault(schema) is not None:
        return
    payload = json.dumps(value).encode()
    count = []
    try:
        for _ in counting(count)(schema).iter_errors(value):
            pass
    except Enough:
        pass
    values = 1 + payload.count(b",") + payload.count(b"[") + payload.count(b"{")
    assert len(count) <= SchemaCosts(schema, pattern_work).at(depth_of(value)).steps * values
