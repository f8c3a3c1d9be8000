"""Wrong, rotated and other tenants' secrets."""

from tests.middleware.hostile.case import FORGED, HANDLED, case
from tests.middleware.hostile.delivery import KEY, OLD_KEY, OTHER_KEY

TENANT = b"x-tenant"

CASES = [
    case("signed with another secret", FORGED, lambda d: d.signed(key=OTHER_KEY)),
    case("rotated, the new secret", HANDLED, lambda d: d.signed(key=KEY), profile="rotated"),
    case("rotated, the old secret", HANDLED, lambda d: d.signed(key=OLD_KEY), profile="rotated"),
    case("rotated, signed with both", HANDLED,
         lambda d: d.signature(d.token(OLD_KEY) + b" " + d.token(KEY)), profile="rotated"),
    case("rotated, a retired secret", FORGED, lambda d: d.signed(key=OTHER_KEY), profile="rotated"),
    case("the old secret, rotation over", FORGED, lambda d: d.signed(key=OLD_KEY)),
    case("a tenant's own secret", HANDLED, lambda d: d.add(TENANT, b"acme"), profile="tenants"),
    case("another tenant's secret", FORGED,
         lambda d: d.signed(key=OTHER_KEY).add(TENANT, b"acme"), profile="tenants"),
    case("another tenant's name", FORGED, lambda d: d.add(TENANT, b"globex"), profile="tenants"),
    case("an unknown tenant", FORGED, lambda d: d.add(TENANT, b"initech"), profile="tenants"),
    case("no tenant", FORGED, lambda d: d, profile="tenants"),
    case("a tenant named twice", FORGED,
         lambda d: d.add(TENANT, b"acme").add(TENANT, b"globex"), profile="tenants",
         server_decides=True),
    case("a tenant of arbitrary bytes", FORGED,
         lambda d: d.add(TENANT, b"\xff\x80" * 100), profile="tenants"),
]  # fmt: skip
