"""Every route of the console, and how each is asked."""

import re
from dataclasses import dataclass

import pytest

from hookseal_sender.console.changing import Changing
from hookseal_sender.console.logs import Logs
from hookseal_sender.console.signing_in import SigningIn
from hookseal_sender.console.webhooks import Webhooks
from hookseal_sender.console.workspaces import Workspaces

FIELDS = {
    "/workspaces": {"name": "w"},
    "/webhooks/new": {"name": "n", "url": "https://example.com/new", "once": "1"},
    "/edit": {"name": "n", "url": "https://example.com/edited"},
    "/rotate": {"once": "1"},
    "/test": {"event": "webhook.ping"},
    "/logs/replay": {"since": "3600"},
    "/plan": {"plan": "enterprise"},
}
"""What a form has to hold, by how its path ends."""


@dataclass(frozen=True)
class Asked:
    """A route: its method and path, with names for what changes."""

    method: str
    path: str

    def __str__(self):
        return f"{self.method} {self.path}"

    @property
    def names(self):
        return re.findall(r"{(\w+)}", self.path)

    @property
    def fields(self):
        return next((each for end, each in FIELDS.items() if self.path.endswith(end)), {})

    async def by(self, browser, ids, headers=None):
        """Return the answer that a browser gets which may or may not come in."""
        path = self.path.format(**ids)
        if self.method == "GET":
            return await browser.get(path, headers=headers)
        return await browser.submit(path, headers=headers, **self.fields)


class _NoWeb:
    """Enough to list routes."""


ROUTES = [
    Asked(method, route.path)
    for part in (SigningIn, Workspaces, Webhooks, Changing, Logs)
    for route in part(_NoWeb()).routes()
    for method in sorted(route.methods - {"HEAD"})
]
OF_A_WORKSPACE = [each for each in ROUTES if "{app_id}" in each.path]
OF_WEBHOOKS = [each for each in OF_A_WORKSPACE if "/webhooks" in each.path]
FORMS = [each for each in ROUTES if each.method == "POST"]
OPEN = {"GET /sign-in", "POST /sign-in", "POST /sign-out", "GET /link/{sealed}"}
"""What needs nobody to be signed in."""
OPERATORS = {
    "GET /workspaces", "POST /workspaces", "POST /app/{app_id}/plan", "POST /app/{app_id}/link",
    "POST /app/{app_id}/link/revoke",
}  # fmt: skip
"""What customers may not do."""


def each_of(routes):
    return pytest.mark.parametrize("route", routes, ids=str)
