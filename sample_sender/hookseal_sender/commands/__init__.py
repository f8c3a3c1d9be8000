"""The commands of ``hookseal-sender``, in the order of the help."""

from __future__ import annotations

from hookseal_sender.commands.base import Command
from hookseal_sender.commands.migrate import MIGRATE
from hookseal_sender.commands.run import API, SERVE, WORKER
from hookseal_sender.commands.status import STATUS
from hookseal_sender.commands.token import TOKEN

__all__ = ["COMMANDS", "Command"]

COMMANDS = (SERVE, API, WORKER, MIGRATE, TOKEN, STATUS)
