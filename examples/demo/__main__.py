"""Show one event's way from the sender to the receiver, and what stops the wrong ones."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from .processes import DemoError
from .scenes import show_deliveries, show_refusals
from .screen import Screen
from .stage import Stage, set_up

_INTERRUPTED = 130  # what a shell says of a process that Ctrl-C ended
_STOPPING = {signal.SIGINT, signal.SIGTERM}


def main() -> int:
    """Run the show; return 0 if all was as it should be."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the show")
    once = parser.parse_args().once
    screen = Screen()
    screen.title("Hookseal: one event, end to end")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="hookseal-demo-") as folder,
            set_up(Path(folder)) as stage,
        ):
            good = _perform(screen, stage)
            if not once:
                _stay(screen, stage)
    except DemoError as error:
        screen.failed(str(error))
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0 if good else 1


def _perform(screen: Screen, stage: Stage) -> bool:
    screen.facts(
        [
            ("sender", f"{stage.sender_url}   hookseal-sender, a process of its own"),
            ("receiver", f"{stage.endpoint_url}   hookseal-receiver, another"),
        ]
    )
    delivered = show_deliveries(screen, stage)
    refused = show_refusals(screen, stage)
    screen.verdict(good=delivered and refused)
    return delivered and refused


def _stay(screen: Screen, stage: Stage) -> None:
    """Print what to try, and wait for Ctrl-C."""
    api = f"{stage.sender_url}/api/v1/app/{stage.app}"
    bearer = f'-H "Authorization: Bearer {stage.token}"'
    event = """'{"eventType": "order.paid", "payload": {"id": 17}}'"""
    handled = stage.endpoint_url.replace("/webhooks", "/handled")
    hookseal = Path(sys.executable).with_name("hookseal")
    # Blocked, one that comes before the wait is not missed by it.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    screen.heading("Yours to play with, until Ctrl-C")
    screen.commands(
        [
            ("see what the customer sees, in a browser", _magic_link(stage)),
            ("publish an event", f"curl {bearer} {api}/msg -d {event}"),
            ("see its attempts", f"curl {bearer} {api}/attempt/msg/msg_..."),
            ("see what was handled", f"curl --cacert {stage.certificate} {handled}"),
            ("make a signature", f"echo -n '{{}}' | {hookseal} sign --secret {stage.secret} -"),
        ]
    )
    signal.sigwait(_STOPPING)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
    screen.heading("Stopped")


def _magic_link(stage: Stage) -> str:
    """Return a link into the console, as a platform makes one for its customer."""
    link: str = stage.api.post(f"/auth/app-portal-access/{stage.app}", {"expiry": 3600})["url"]
    return link


if __name__ == "__main__":
    sys.exit(main())
