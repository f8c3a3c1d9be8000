"""hookseal doctor: finding the middleware in an app, and what is said of it."""

import functools
import json
import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from hookseal import KeyRing, Source, asgi, doctor, wsgi
from hookseal.cli import main
from hookseal.ledger import MemoryLedger
from hookseal.ledger.sqlite import SQLiteLedger
from hookseal.ledger.threads import InThread
from hookseal.policy import Policy

from .support import OTHER_SECRET, SECRET, THIRD_SECRET

GOOD = {"ledger": SimpleNamespace(claim=None), "limit_storage": "redis://localhost"}
"""Settings that nothing is said of: the stores are shared and lasting."""


async def inner(scope, receive, send):
    raise AssertionError("the doctor calls nothing")


def policy(**settings):
    pytest.importorskip("redis")
    return Policy(**{"secrets": SECRET, **GOOD, **settings})


def found(**settings):
    """The (level, setting) of each finding about one middleware."""
    made = SimpleNamespace(policy=policy(**settings))
    return [(finding.level, finding.setting) for finding in doctor.examine(made)]


# --- what is said ----------------------------------------------------------------------------


def test_of_an_app_that_is_well_set_up_nothing_is_said():
    assert found() == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"mode": "report"}, [("error", "mode")]),
        ({"ledger": None}, [("error", "ledger")]),
        ({"ledger": MemoryLedger()}, [("warning", "ledger")]),
        ({"retention": 86400}, [("warning", "retention")]),
        ({"lease": 1}, [("warning", "lease")]),
        ({"lease": 3600}, [("warning", "lease")]),
        ({"in_flight_wait": 60}, [("warning", "in_flight_wait")]),
        ({"in_flight_status": 409}, [("hint", "in_flight_status")]),
        ({"failure_budget": None}, [("warning", "failure_budget")]),
        ({"source_budget": None}, [("warning", "source_budget")]),
        ({"limit_storage": "memory://"}, [("hint", "limit_storage")]),
        (
            {"limit_storage": "memory://", "failure_budget": None, "source_budget": None},
            [("warning", "failure_budget"), ("warning", "source_budget")],
        ),
        ({"tolerance": 3600}, [("warning", "tolerance")]),
        ({"max_body": 1 << 30}, [("warning", "max_body")]),
        ({"allow_content_encoding": True}, [("hint", "allow_content_encoding")]),
        ({"paths": ["/", "/webhooks"]}, [("hint", "paths")]),
        ({"paths": ["/webhooks"]}, []),
        ({"trusted_proxies": ["0.0.0.0/0"]}, [("error", "trusted_proxies")]),
        ({"trusted_proxies": ["::/0"]}, [("error", "trusted_proxies")]),
        ({"trusted_proxies": ["64.0.0.0/2"]}, [("warning", "trusted_proxies")]),
        ({"trusted_proxies": ["2000::/3"]}, [("warning", "trusted_proxies")]),
        ({"trusted_proxies": ["10.0.0.0/8", "fd00::/16", "unix"]}, []),
        ({"allow_insecure_peers": ["127.0.0.1", "::1"]}, [("warning", "allow_insecure_peers")]),
        ({"allow_insecure_peers": ["unix"]}, [("error", "allow_insecure_peers")]),
        ({"allow_insecure_peers": ["10.0.0.7"]}, [("error", "allow_insecure_peers")]),
        ({"allow_insecure_peers": ["0.0.0.0/0"]}, [("error", "allow_insecure_peers")] * 2),
        ({"hops": 2}, [("warning", "hops")]),
        ({"hops": 2, "trusted_proxies": ["10.0.0.7"]}, [("hint", "hops")]),
        ({"hops": 2, "trusted_proxies": ["10.0.0.7"], "proxy_header": "forwarded"}, []),
        ({"secrets": [SECRET, OTHER_SECRET]}, []),
        ({"secrets": [SECRET, OTHER_SECRET, THIRD_SECRET]}, [("warning", "secrets")]),
        ({"secrets": Source("acme", [SECRET] * 3)}, [("warning", "secrets")]),
        ({"secrets": KeyRing.parse(SECRET)}, []),
        ({"secrets": lambda request: None}, []),
    ],
)  # fmt: skip
def test_a_weak_setting_is_found(settings, expected):
    assert found(**settings) == expected


def test_a_ledger_by_url_in_memory_is_in_memory(monkeypatch):
    made = policy()
    object.__setattr__(made, "ledger", "memory://")
    findings = doctor.examine(SimpleNamespace(policy=made))
    assert [finding.setting for finding in findings] == ["ledger"]


def test_every_finding_has_its_problem_and_its_fix():
    worst = policy(
        mode="report", ledger=None, failure_budget=None, source_budget=None, tolerance=900,
        max_body=1 << 30, trusted_proxies=["0.0.0.0/0"], allow_insecure_peers=["0.0.0.0/0"],
        secrets=[SECRET, OTHER_SECRET, THIRD_SECRET],
    )  # fmt: skip
    findings = doctor.examine(SimpleNamespace(policy=worst))
    assert len(findings) == 10
    assert all(finding.problem and finding.fix for finding in findings)
    levels = [finding.level for finding in findings]
    assert levels == sorted(levels, key=["error", "warning", "hint"].index)
    said = doctor.report("app", findings)
    for secret in (SECRET, OTHER_SECRET, THIRD_SECRET):
        assert secret[6:] not in said


def test_without_middleware_nothing_is_verified():
    (finding,) = doctor.examine(inner)
    assert (finding.level, finding.setting) == ("error", "")
    assert "no Hookseal middleware was found" in finding.problem


def test_several_endpoints_are_told_apart():
    one = asgi.WebhookMiddleware(inner, SECRET, paths=["/a"], source="acme")
    both = asgi.WebhookMiddleware(one, SECRET)
    places = {finding.where for finding in doctor.examine(both)}
    assert places == {"every path (source 'default')", "/a (source 'acme')"}


@pytest.mark.parametrize("how", ["url", "opened", "in a thread"])
@pytest.mark.parametrize(
    ("one", "other", "levels"),
    [
        ({}, None, ["hint"]),
        ({"source": "acme"}, None, []),
        ({"namespace": "billing"}, None, []),
        ({}, {}, ["warning", "warning"]),
        ({}, {"source": "acme"}, ["hint"]),
        ({"source": "acme"}, {"source": "acme"}, ["warning", "warning"]),
        ({"source": "acme"}, {"secrets": Source("acme", SECRET)}, ["warning", "warning"]),
        ({"source": "acme"}, {"secrets": lambda request: None}, []),
        ({"namespace": "a"}, {"namespace": "b"}, []),
    ],
)
def test_endpoints_that_take_each_others_events_are_told(tmp_path, how, one, other, levels):
    def store():
        made = SQLiteLedger(tmp_path / "ledger.db")
        return {"url": "sqlite:///x.db", "opened": made, "in a thread": InThread(made)}[how]

    app = None
    for number, settings in enumerate([one] if other is None else [one, other]):
        made = policy(**{"ledger": store(), "paths": [f"/{number}"], **settings})
        app = SimpleNamespace(policy=made, app=app)
    findings = doctor.examine(app)
    assert [finding.level for finding in findings] == levels
    assert {finding.setting for finding in findings} <= {"source"}
    assert all(bool(finding.where) == (other is not None) for finding in findings)


def sqlite(tmp_path, *names):
    return [SQLiteLedger(tmp_path / name) for name in names]


def of_redis(**options):
    pytest.importorskip("redis")
    return pytest.importorskip("hookseal.ledger.redis").RedisLedger("redis://one", **options)


def of_sql():
    pytest.importorskip("psycopg")
    return pytest.importorskip("hookseal.ledger.sql").SQLLedger("postgresql://one/db")


def twice(one):
    return [one, one]


@pytest.mark.parametrize(
    ("stores", "levels"),
    [
        (lambda at: sqlite(at, "a.db", "b.db"), ["hint", "hint"]),
        (lambda at: [InThread(one) for one in sqlite(at, "a.db", "b.db")], ["hint", "hint"]),
        (lambda at: [f"sqlite:///{at}/a.db", f"sqlite:///{at}/b.db"], ["hint", "hint"]),
        (lambda at: [f"sqlite:///{at}/a.db", *sqlite(at, "a.db")], ["warning", "warning"]),
        (lambda at: [InThread(*sqlite(at, "a.db")), *sqlite(at, "a.db")], ["warning", "warning"]),
        (lambda at: [*sqlite(at, "a.db"), MemoryLedger()], ["hint"]),
        (lambda at: [MemoryLedger(), MemoryLedger()], []),
        (lambda at: ["memory://", "memory://"], []),
        (lambda at: twice(MemoryLedger()), ["warning", "warning"]),
        (lambda at: [None, None], []),
        (lambda at: [None, *sqlite(at, "a.db")], ["hint"]),
        (lambda at: twice("redis://one"), ["warning", "warning"]),
        (lambda at: ["redis://one", "redis://two"], ["hint", "hint"]),
        (lambda at: ["redis://one", of_redis()], ["warning", "warning"]),
        (lambda at: [of_redis(prefix="a:"), of_redis(prefix="b:")], ["hint", "hint"]),
        (lambda at: [of_sql(), of_sql()], ["warning", "warning"]),
        (lambda at: twice("postgresql+asyncpg://one/db"), ["warning", "warning"]),
        (lambda at: ["postgresql+asyncpg://one/a", "redis://one"], ["hint", "hint"]),
    ],
)
def test_endpoints_on_different_stores_are_left_alone(tmp_path, stores, levels):
    app = None
    for number, store in enumerate(stores(tmp_path)):
        app = SimpleNamespace(policy=policy(ledger=store, paths=[f"/{number}"]), app=app)
    findings = [one for one in doctor.examine(app) if one.setting == "source"]
    assert [finding.level for finding in findings] == levels


@pytest.mark.parametrize("face", [asgi, wsgi])
@pytest.mark.parametrize(("other", "level"), [("a.db", "warning"), ("b.db", "hint")])
def test_a_store_is_known_by_its_url_once_it_is_opened(tmp_path, face, other, level):
    app = inner
    for path, name in (("/a", "a.db"), ("/b", other)):
        url = f"sqlite:///{tmp_path / name}"
        app = face.WebhookMiddleware(app, SECRET, ledger=url, paths=[path])
    findings = [one for one in doctor.examine(app) if one.setting == "source"]
    assert [finding.level for finding in findings] == [level] * 2


# --- where it is found -----------------------------------------------------------------------


class Wrapper:
    def __init__(self, app):
        self.app = app

    def __call__(self, scope, receive, send):
        raise AssertionError


def closure(app):
    def wrapped(environ, start_response):
        return app(environ, start_response)

    return wrapped


def empty_cell():
    if not GOOD:
        app = None

    def wrapped():
        return app

    wrapped.app = asgi.WebhookMiddleware(inner, SECRET)
    return wrapped


class Awkward:
    """An app whose properties fail, as a proxy's do outside a request."""

    def __init__(self, app):
        self.wsgi_app = app

    @property
    def router(self):
        raise RuntimeError("working outside of a request")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda app: app,
        Wrapper,
        closure,
        Awkward,
        functools.partial(functools.partial, inner),
        lambda app: functools.partial(inner, app=app),
        lambda app: app.__call__,
        lambda app: SimpleNamespace(routes=[SimpleNamespace(app=app)]),
        lambda app: SimpleNamespace(view_functions={"hooks": closure(app)}),
        lambda app: empty_cell(),
    ],
    ids=[
        *("itself", "wrapped", "closure", "awkward", "partial", "keyword"),
        *("bound", "route", "view", "empty cell"),
    ],
)
@pytest.mark.parametrize("face", [asgi, wsgi])
def test_middleware_is_found_in_what_wraps_it(wrap, face):
    app = wrap(face.WebhookMiddleware(inner, SECRET))
    assert len(doctor.find_policies(app)) == 1


def test_an_app_that_wraps_itself_is_walked_once():
    app = Wrapper(None)
    app.app = app
    assert doctor.find_policies(app) == []


@pytest.mark.parametrize("how", ["positional", "keyword", "policy"])
def test_it_is_found_in_starlette_before_the_first_request(how):
    starlette = pytest.importorskip("starlette.applications")
    gzip = pytest.importorskip("starlette.middleware.gzip")
    app = starlette.Starlette()
    app.add_middleware(gzip.GZipMiddleware)
    if how == "policy":
        app.add_middleware(asgi.WebhookMiddleware, policy=Policy(secrets=SECRET, tolerance=60))
    elif how == "keyword":
        app.add_middleware(asgi.WebhookMiddleware, secrets=SECRET, tolerance=60)
    else:
        app.add_middleware(asgi.WebhookMiddleware, SECRET, tolerance=60)
    assert [one.tolerance for one in doctor.find_policies(app)] == [60]


def test_it_is_found_in_flask_and_mounts():
    flask = pytest.importorskip("flask")
    starlette = pytest.importorskip("starlette.applications")
    routing = pytest.importorskip("starlette.routing")
    app = flask.Flask("shop")
    app.wsgi_app = wsgi.WebhookMiddleware(app.wsgi_app, SECRET)
    assert len(doctor.find_policies(app)) == 1
    mounted = starlette.Starlette(
        routes=[routing.Mount("/hooks", app=asgi.WebhookMiddleware(inner, SECRET))]
    )
    assert len(doctor.find_policies(mounted)) == 1


def test_it_is_found_on_a_route_of_fastapi():
    fastapi = pytest.importorskip("fastapi")
    face = pytest.importorskip("hookseal.fastapi")
    router = fastapi.APIRouter(route_class=face.webhook_route(SECRET, tolerance=60))
    router.post("/hooks")(lambda: None)
    app = fastapi.FastAPI()
    app.include_router(router)
    assert {one.tolerance for one in doctor.find_policies(app)} == {60}


# --- the command -----------------------------------------------------------------------------

APPS = f"""
from hookseal.asgi import WebhookMiddleware

async def bare(scope, receive, send): ...

weak = WebhookMiddleware(bare, "{SECRET}", mode="report")
middling = WebhookMiddleware(bare, "{SECRET}")
apart = WebhookMiddleware(bare, "{SECRET}", ledger="sqlite:///a.db", paths=["/a"])
apart = WebhookMiddleware(apart, "{SECRET}", ledger="sqlite:///b.db", paths=["/b"])
holder = type("Holder", (), {{"inside": middling}})

def make():
    return weak

def broken():
    raise RuntimeError("no database")

def telling():
    raise ValueError("bad key {SECRET} or whsk_abc+/= at redis://user:hidden@host/0")
"""


@pytest.fixture
def apps(tmp_path, monkeypatch):
    """A folder with a module of apps, to be in."""
    name = f"apps_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(APPS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    yield name
    sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("app", "flags", "status"),
    [
        ("weak", [], 1),
        ("make()", [], 1),
        ("bare", [], 1),
        ("middling", [], 0),
        ("holder.inside", [], 0),
        ("middling", ["--strict"], 1),
        ("apart", ["--strict"], 0),
    ],
)
def test_the_status_says_whether_there_are_errors(apps, app, flags, status, capsys):
    assert main(["doctor", *flags, f"{apps}:{app}"]) == status
    said = capsys.readouterr().out
    assert "fix: " in said
    assert SECRET[6:] not in said
    assert f"{apps}:{app}: {4 if app == 'apart' else 1} " in said


def test_the_working_folder_is_looked_in_once(apps, tmp_path):
    for _ in range(2):
        doctor.load(f"{apps}:weak")
    assert sys.path.count(str(tmp_path)) == 1


def test_findings_as_json(apps, capsys):
    assert main(["doctor", "--json", f"{apps}:weak"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["app"] == f"{apps}:weak"
    assert [(one["level"], one["setting"]) for one in said["findings"]] == [
        ("error", "mode"),
        ("warning", "ledger"),
        ("hint", "limit_storage"),
    ]
    assert said["findings"][0]["fix"].startswith("remove mode=")


def test_nothing_to_say_is_said_too():
    assert "nothing to say" in doctor.report("main:app", [])


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("apps", "'apps' names no app. Write module:app"),
        (":app", "':app' names no app"),
        ("no_such_module_here:app", "there is no module 'no_such_module_here' here"),
        ("APPS:nobody", "has no attribute 'nobody'"),
        ("APPS:broken()", "loading it failed with RuntimeError: no database"),
    ],
)
def test_an_app_that_cannot_be_had_has_status_2(apps, target, says, capsys):
    assert main(["doctor", target.replace("APPS", apps)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err


def test_what_an_app_says_when_it_fails_is_shown_without_secrets(apps, capsys):
    assert main(["doctor", f"{apps}:telling()"]) == 2
    said = capsys.readouterr().err
    assert "bad key whsec_... or whsk_... at redis://...@host/0" in said
    assert SECRET[6:] not in said
    assert "hidden" not in said


def run(folder, *arguments):
    script = "import sys; from hookseal.cli import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        [sys.executable, "-c", script, "doctor", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_as_a_process_it_finds_the_app_in_the_working_folder(tmp_path):
    (tmp_path / "main.py").write_text(APPS)
    done = run(tmp_path, "main:weak")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("error    mode: report mode is on")
    assert run(tmp_path, "main:middling").returncode == 0
    assert run(tmp_path, "elsewhere:app").returncode == 2


def test_help_teaches(tmp_path):
    said = run(tmp_path, "--help").stdout
    for expected in ("exit status:", "examples:", "hookseal doctor main:app", "--json", "hint"):
        assert expected in said


DJANGO = f"""
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x" * 50, ALLOWED_HOSTS=["*"], ROOT_URLCONF="site_urls", USE_TZ=True,
    MIDDLEWARE=[MIDDLEWARE], HOOKSEAL={{"secrets": "{SECRET}", "mode": "report"}},
)
django.setup()
from django.core.handlers.wsgi import WSGIHandler
app = WSGIHandler()
"""
URLS = f"""
from django.urls import include, path
from hookseal.django import webhook

@webhook("{SECRET}", ledger=None)
def view(request): ...

urlpatterns = [path("in/", include([path("hooks", view)]))]
"""


@pytest.mark.parametrize(
    ("middleware", "settings"),
    [
        ('"hookseal.django.WebhookMiddleware"', ["ledger", "mode"]),
        ('"django.middleware.common.CommonMiddleware"', ["ledger"]),
    ],
)
def test_it_is_found_in_django(tmp_path, middleware, settings):
    pytest.importorskip("django")
    (tmp_path / "site_urls.py").write_text(URLS)
    (tmp_path / "main.py").write_text(DJANGO.replace("[MIDDLEWARE]", f"[{middleware}]"))
    done = run(tmp_path, "--json", "main:app")
    assert done.returncode == 1, done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert sorted(one["setting"] for one in findings if one["level"] == "error") == settings
