"""The document that describes the API, and the page made of it."""

import html.parser
import itertools
import json
import re
import shlex

import httpx2
import pytest
import yarl
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from hookseal_sender.addresses import AddressGuard
from hookseal_sender.api import Services, create_app
from hookseal_sender.api.components import SCHEMAS, example
from hookseal_sender.api.openapi import BASE, TAGS
from hookseal_sender.api.operations import OPERATIONS
from hookseal_sender.api.reference import reference_response
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.tokens import TokenKey
from tests.sample_sender.conformance import CLOSED, DOCUMENT, assert_valid

pytestmark = pytest.mark.anyio

KEY = TokenKey(b"k" * 32)

# What the Svix server has below /api/v1: method, path, operation, statuses of success, schema of
# the answer, parameters of the query. The names of the operations are those of its SDKs.
SVIX = """
GET /app application.list 200 ListResponse_ApplicationOut_ limit iterator order
POST /app application.create 200,201 ApplicationOut get_if_exists
GET /app/{app_id} application.get 200 ApplicationOut
PUT /app/{app_id} application.update 200,201 ApplicationOut
PATCH /app/{app_id} application.patch 200 ApplicationOut
DELETE /app/{app_id} application.delete 204 -
GET /app/{app_id}/attempt/endpoint/{endpoint_id} message-attempt.list-by-endpoint 200 ListResponse_MessageAttemptOut_ limit iterator status status_code_class channel before after with_content event_types
GET /app/{app_id}/attempt/msg/{msg_id} message-attempt.list-by-msg 200 ListResponse_MessageAttemptOut_ limit iterator status status_code_class channel endpoint_id before after with_content event_types
GET /app/{app_id}/endpoint endpoint.list 200 ListResponse_EndpointOut_ limit iterator order
POST /app/{app_id}/endpoint endpoint.create 201 EndpointOut
GET /app/{app_id}/endpoint/{endpoint_id} endpoint.get 200 EndpointOut
PUT /app/{app_id}/endpoint/{endpoint_id} endpoint.update 200,201 EndpointOut
PATCH /app/{app_id}/endpoint/{endpoint_id} endpoint.patch 200 EndpointOut
DELETE /app/{app_id}/endpoint/{endpoint_id} endpoint.delete 204 -
GET /app/{app_id}/endpoint/{endpoint_id}/headers endpoint.get-headers 200 EndpointHeadersOut
PUT /app/{app_id}/endpoint/{endpoint_id}/headers endpoint.update-headers 204 -
PATCH /app/{app_id}/endpoint/{endpoint_id}/headers endpoint.patch-headers 204 -
GET /app/{app_id}/endpoint/{endpoint_id}/msg message-attempt.list-attempted-messages 200 ListResponse_EndpointMessageOut_ limit iterator channel status before after with_content event_types
POST /app/{app_id}/endpoint/{endpoint_id}/recover endpoint.recover 202 RecoverOut
GET /app/{app_id}/endpoint/{endpoint_id}/secret endpoint.get-secret 200 EndpointSecretOut
POST /app/{app_id}/endpoint/{endpoint_id}/secret/rotate endpoint.rotate-secret 204 -
POST /app/{app_id}/endpoint/{endpoint_id}/send-example endpoint.send-example 200 MessageOut
GET /app/{app_id}/endpoint/{endpoint_id}/stats endpoint.get-stats 200 EndpointStats since until
GET /app/{app_id}/msg message.list 200 ListResponse_MessageOut_ limit iterator channel before after with_content event_types
POST /app/{app_id}/msg message.create 202 MessageOut with_content
GET /app/{app_id}/msg/{msg_id} message.get 200 MessageOut with_content
GET /app/{app_id}/msg/{msg_id}/attempt/{attempt_id} message-attempt.get 200 MessageAttemptOut
DELETE /app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/content message-attempt.expunge-content 204 -
DELETE /app/{app_id}/msg/{msg_id}/content message.expunge-content 204 -
GET /app/{app_id}/msg/{msg_id}/endpoint message-attempt.list-attempted-destinations 200 ListResponse_MessageEndpointOut_ limit iterator
POST /app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend message-attempt.resend 202 EmptyResponse
POST /auth/app-portal-access/{app_id} authentication.app-portal-access 200 AppPortalAccessOut
POST /auth/logout authentication.logout 204 -
GET /event-type event-type.list 200 ListResponse_EventTypeOut_ limit iterator order include_archived with_content
POST /event-type event-type.create 201 EventTypeOut
GET /event-type/{event_type_name} event-type.get 200 EventTypeOut
PUT /event-type/{event_type_name} event-type.update 200,201 EventTypeOut
PATCH /event-type/{event_type_name} event-type.patch 200 EventTypeOut
DELETE /event-type/{event_type_name} event-type.delete 204 - expunge
GET /health health.get 200 HealthOut
HEAD /health health.head 200 -
GET /health/ping health.ping 204 -
HEAD /health/ping health.ping-head 204 -
"""  # noqa: E501 # a table
# Where we answer otherwise: its SDKs since 2.0 read the new secret from a body that it has not.
OURS = {"endpoint.rotate-secret": ("200", "EndpointSecretOut")}
SVIX_ROWS = [line.split() for line in SVIX.strip().splitlines()]

# What an SDK made for the Svix server cannot do without.
REQUIRED = {
    "ApplicationOut": "id name metadata createdAt updatedAt",
    "EndpointOut": "id url description disabled metadata createdAt updatedAt version",
    "EndpointStats": "success pending sending fail canceled",
    "EventTypeOut": "name description deprecated createdAt updatedAt",
    "ListResponse_MessageOut_": "data iterator done",
    "MessageAttemptOut": "id msgId endpointId url response responseStatusCode responseDurationMs "
    "status statusText triggerType timestamp",
    "MessageEndpointOut": "id url status statusText nextAttempt",
    "EndpointMessageOut": "id eventType payload status statusText nextAttempt timestamp",
    "MessageOut": "id eventType payload timestamp",
    "RecoverOut": "id status task updatedAt",
}


def test_the_document_is_openapi():
    assert not list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors())
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_the_table_is_whole():
    assert len(SVIX_ROWS) == 43


@pytest.mark.parametrize("row", SVIX_ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_it_has_every_operation_of_the_svix_server(row):
    method, path, name, *answer = row[:5]
    statuses, schema = OURS.get(name, answer)
    query = row[5:]
    item = DOCUMENT["paths"][f"{BASE}{path}"]
    found = item[method.lower()]
    assert found["operationId"] == f"v1.{name}"
    successes = {status for status in found["responses"] if status.startswith("2")}
    assert successes == set(statuses.split(","))
    assert {each.get("name") for each in found["parameters"]} >= set(query)
    for status in successes:
        content = found["responses"][status].get("content", {})
        names = [part["schema"]["$ref"].rpartition("/")[2] for part in content.values()]
        assert names == ([] if schema == "-" else [schema])


@pytest.mark.parametrize(("name", "fields"), REQUIRED.items())
def test_an_sdk_finds_the_fields_it_needs(name, fields):
    assert set(SCHEMAS[name]["required"]) >= set(fields.split())


def test_every_operation_is_described_once_and_in_words():
    ids = [operation["operationId"] for operation in operations()]
    assert len(ids) == len(set(ids)) == len(OPERATIONS)
    assert all(operation["summary"] for operation in operations())
    assert {tag for operation in operations() for tag in operation["tags"]} == set(TAGS)


def operations():
    for item in DOCUMENT["paths"].values():
        for method in ("get", "head", "post", "put", "patch", "delete"):
            if method in item:
                yield item[method]


def test_every_reply_tells_its_errors():
    for operation, described in zip(OPERATIONS, operations(), strict=False):
        statuses = set(described["responses"])
        assert {"500", "503"} <= statuses
        assert ("401" in statuses) == (operation.scope != "none")
    made_anew = {"v1.authentication.app-portal-access", "v1.authentication.logout"}
    for operation in (each for each in OPERATIONS if each.method == "POST"):
        described = DOCUMENT["paths"][f"{BASE}{operation.path}"]["post"]
        documented = {"$ref": "#/components/parameters/IdempotencyKey"} in described["parameters"]
        assert documented == (operation.id not in made_anew)


def properties(schema, place):
    for name, part in schema.get("properties", {}).items():
        yield f"{place}.{name}", part
        yield from properties(part, f"{place}.{name}")
    if "items" in schema:
        yield from properties(schema["items"], f"{place}[]")


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_is_described_and_every_example_is_valid(name):
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["description"].endswith(".")
    for place, part in properties(schema, name):
        assert part.get("description") or part.get("$ref"), place
    assert_valid(example(schema, SCHEMAS), {"$ref": f"#/components/schemas/{name}"})


def test_nothing_is_defined_in_vain():
    text = json.dumps(DOCUMENT)
    for kind, parts in DOCUMENT["components"].items():
        if kind != "securitySchemes":
            assert not [name for name in parts if f'"#/components/{kind}/{name}"' not in text]


def test_every_part_of_a_path_is_described():
    for path, item in DOCUMENT["paths"].items():
        names = [each["$ref"].rpartition("/")[2] for each in item.get("parameters", [])]
        assert names == re.findall(r"\{(\w+)\}", path)


def test_the_check_of_answers_refuses_what_is_not_documented():
    made = example(SCHEMAS["ApplicationOut"], SCHEMAS)
    reference = {"$ref": "#/components/schemas/ApplicationOut"}
    assert_valid(made, reference)
    lacking = {name: value for name, value in made.items() if name != "uid"}
    for wrong in ({**made, "secret": 1}, lacking, {**made, "createdAt": "yesterday"}):
        with pytest.raises(AssertionError):
            assert_valid(wrong, reference)
    assert CLOSED["components"]["schemas"]["ApplicationOut"]["additionalProperties"] is False


@pytest.fixture
async def client(clock):
    services = Services(store=None, tokens=KEY, guard=AddressGuard(), clock=clock)
    transport = httpx2.ASGITransport(create_app(services))
    async with httpx2.AsyncClient(transport=transport, base_url="http://s/api/v1") as client:
        yield client


async def test_the_document_is_served_to_anybody(client):
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == DOCUMENT
    assert (await client.get("/openapi.json/")).content == answer.content


async def test_the_reference_is_served_to_anybody_and_loads_nothing(client):
    answer = await client.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"<(script|link|img|iframe)|\sstyle=|\son\w+=|src=", answer.text)


class Page(html.parser.HTMLParser):
    """The parts of a page that matter to links and to those who listen to it."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.headings, self.tags, self.code = [], [], [], [], []
        self.inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a":
            self.links.append(values["href"])
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        if tag == "pre":
            self.code.append("")
        self.inside = "pre" if tag == "pre" else self.inside

    def handle_endtag(self, tag):
        self.inside = None if tag == "pre" else self.inside

    def handle_data(self, data):
        if self.inside == "pre":
            self.code[-1] += data


REFERENCE = reference_response(DOCUMENT).body.decode()
PAGE = Page(REFERENCE)


def test_every_operation_is_on_the_page_and_every_link_leads_somewhere():
    assert len(PAGE.ids) == len(set(PAGE.ids))
    assert {operation.id for operation in OPERATIONS} <= set(PAGE.ids)
    assert {link[1:] for link in PAGE.links if link.startswith("#")} <= set(PAGE.ids)
    assert [link for link in PAGE.links if not link.startswith("#")] == ["openapi.json"]


def test_the_page_can_be_listened_to():
    assert '<html lang="en">' in REFERENCE
    assert {"header", "nav", "main", "h1"} <= set(PAGE.tags)
    assert PAGE.headings.count(1) == 1
    assert all(next_ - level <= 1 for level, next_ in itertools.pairwise(PAGE.headings))


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_its_colours_can_be_told_apart(theme):
    """WCAG 2.2, 1.4.3 (AA): a contrast of 4.5 for text, on every background."""
    block = re.findall(r":root \{(.*?)\}", REFERENCE, re.DOTALL)[theme]
    colours = dict(re.findall(r"--(\w+): (#\w{6})", block))
    backs = {name: colours.pop(name) for name in ("back", "soft", "codeback")}
    del colours["line"]  # no text
    for (name, fore), (where, back) in itertools.product(colours.items(), backs.items()):
        light, dark = sorted((luminance(fore), luminance(back)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, where)


def test_markup_in_a_description_is_text():
    hostile = json.loads(json.dumps(DOCUMENT).replace("List applications", "<script>`<b>`"))
    page = reference_response(hostile).body.decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


COMMANDS = [code for code in PAGE.code if code.startswith("curl")]


def test_there_is_a_command_for_every_operation():
    assert len(COMMANDS) >= len(OPERATIONS)


@pytest.fixture
def token(clock):
    return KEY.issue(Scope(org_id=DEFAULT_ORGANISATION), now=int(clock()))


@pytest.fixture
async def example_client(store, clock):
    services = Services(store=store, tokens=KEY, guard=AddressGuard(), clock=clock)
    transport = httpx2.ASGITransport(create_app(services))
    async with httpx2.AsyncClient(transport=transport, base_url="http://sender") as client:
        yield client


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_the_commands_do_what_they_say(example_client, token):
    """Typed one after the other, first those that make something, last those that delete."""
    commands = sorted(COMMANDS, key=lambda each: rank(each, "DELETE"))
    answers = [await typed(example_client, token, command) for command in commands]
    failed = [
        (command, answer.text)
        for command, answer in zip(commands, answers, strict=True)
        if not (answer.is_success or "atmpt_" in command)
    ]
    assert not failed


def rank(command, last):
    """Order commands: what makes, what uses, what deletes from the leaves up, logging out."""
    path = command.partition("$SENDER")[2].partition('"')[0]
    makes = [
        path.endswith("/app") and "--json" in command,
        path.endswith("/endpoint") and "--json" in command,
        path.endswith("/msg") and "--json" in command,
    ]
    order = makes.index(True) if any(makes) else 3
    return (path.endswith("logout"), last in command, order, -len(path) if last in command else 0)


async def typed(client, token, command):
    """Carry out a curl command as the shell and curl would."""
    words = shlex.split(command.replace("\\\n", " "))
    method, url, headers, body = "GET", "", {}, None
    words = iter(words[1:])
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value.replace("$TOKEN", token)
        elif word == "--json":
            body, headers["content-type"] = next(words), "application/json"
            method = "POST" if method == "GET" else method
        else:
            url = word.replace("$SENDER", "http://sender")
    assert yarl.URL(url).path.startswith(BASE)
    return await client.request(method, url, headers=headers, content=body)
