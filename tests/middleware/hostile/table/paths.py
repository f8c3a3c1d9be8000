"""Paths that a router might read in another way than a filter does. Unsigned unless named."""

from dataclasses import replace

from tests.middleware.hostile.case import HANDLED, METHOD, MISSING, case
from tests.middleware.hostile.delivery import ID, SIGNATURE, TIMESTAMP


def _unsigned(path, method="POST"):
    return lambda d: replace(d.without(ID, TIMESTAMP, SIGNATURE), path=path, method=method)


def _guarded(path, **rest):
    return case(f"filtered, {path.decode('latin-1')!r}", MISSING, _unsigned(path),
                profile="filtered", **rest)  # fmt: skip


CASES = [
    *(
        _guarded(path)
        for path in (
            b"/hooks",
            b"/hooks/",
            b"/hooks?x=1",
            b"/hooks/below",
            b"//hooks",
            b"/other//hooks",
            b"/HOOKS",
            b"/./hooks",
            b"/other/../hooks",
            b"/hooks/..",
            b"/other/..",
            b"/hooks;x=1",
            b"/other;/../hooks",
            b"/%68ooks",
            b"/%2568ooks",
            b"/other%2f..%2fhooks",
            b"/%2e/hooks",
            b"/hooks%2fbelow",
            b"/hooks%00",
            b"/%00",
            b"/other%5chooks",
            b"/hooks%20",
            b"/hooks%0a",
            b"/h%C3%B6oks",
            b"/%FF",
            b"/hooks%3Bx",
            b"/other%3Fx",
            b"/other%",
            b"/other%zz",
        )
    ),
    _guarded(b"http://elsewhere.example/hooks", server_decides=True),
    _guarded(b"hooks", server_decides=True),
    _guarded(b"*", server_decides=True),
    case("filtered, a GET of a guarded path", METHOD, _unsigned(b"/hooks", "GET"),
         profile="filtered"),
    case("filtered, signed", HANDLED, lambda d: d, profile="filtered"),
    case("filtered, another path", HANDLED, _unsigned(b"/other"), profile="filtered"),
    case("filtered, the name is only a beginning", HANDLED, _unsigned(b"/hooksome"),
         profile="filtered"),
    case("exempt", HANDLED, _unsigned(b"/health"), profile="exempting"),
    case("exempt, with a query", HANDLED, _unsigned(b"/health?x=1"), profile="exempting"),
    *(
        case(f"exempt but for {path.decode()!r}", MISSING, _unsigned(path), profile="exempting")
        for path in (
            b"/health/",
            b"/health/below",
            b"/HEALTH",
            b"/health;x",
            b"/other/../health",
            b"/health%2f..%2fhooks",
            b"/healthy",
            b"/hooks?/health",
        )
    ),
    # wsgiref and waitress make one slash of two, for every app: a router then reads it so too.
    case("exempt but for '//health'", MISSING, _unsigned(b"//health"), profile="exempting",
         server_decides=True),
]  # fmt: skip
