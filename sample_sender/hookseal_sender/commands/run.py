"""``serve``, ``api`` and ``worker``: the commands that run until they are stopped.

Knows their help. Must not know how the processes are built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender import logs
from hookseal_sender.commands.base import Command, no_arguments, say, settings_from

if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Literal

__all__ = ["API", "SERVE", "WORKER"]

_STOP = """\
Stops on SIGTERM or Ctrl-C: accepts nothing new, ends what is under way, gives back what does not
end in time. A second signal ends it at once; whatever was under way is then delivered again.
"""
_SERVE = f"""\
Run the API and the delivery worker in one process. Brings its database up to date first; with
SQLite it makes the database and its keys on first start.

{_STOP}
examples:
  hookseal-sender serve
  hookseal-sender serve --allow-networks 127.0.0.0/8     deliver to this machine, for a trial
  HOOKSEAL_PORT=9000 hookseal-sender serve               every flag has an environment variable
  hookseal-sender serve --config /etc/hookseal/sender.toml
"""
_API = f"""\
Run the API without deliveries. Needs a database that 'hookseal-sender migrate' brought up to date,
and one or more workers beside it. Run as many as you like on PostgreSQL.

{_STOP}
examples:
  hookseal-sender api --config /etc/hookseal/sender.toml
  HOOKSEAL_DATABASE_URL=postgresql://hookseal@db/hookseal hookseal-sender api --host 0.0.0.0
"""
_WORKER = f"""\
Run deliveries without the API. Needs a database that 'hookseal-sender migrate' brought up to date.
Run as many as you like on PostgreSQL; what a killed one had under way is taken over by the others.

{_STOP}
examples:
  hookseal-sender worker --config /etc/hookseal/sender.toml
  hookseal-sender worker --metrics-port 9108      then http://127.0.0.1:9108/health/ready, /metrics
"""


def _command(name: Literal["serve", "api", "worker"], summary: str, description: str) -> Command:
    def run(flags: Namespace) -> int:
        settings = settings_from(flags)  # what is wrong with them is said at once

        from hookseal_sender import running

        logs.configure(settings.log_format, settings.log_level)
        getattr(running, name)(settings, say)
        return 0

    return Command(
        name=name, summary=summary, description=description, add_arguments=no_arguments, run=run
    )


SERVE = _command("serve", "run API and worker in one process", _SERVE)
API = _command("api", "run the API alone", _API)
WORKER = _command("worker", "run deliveries alone", _WORKER)
