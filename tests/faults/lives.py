"""Runs of the command that are killed: each a process of its own, forked from one that has the imports behind it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from scanner.cli import main

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "scanner.app",
        "scanner.cli.scan",
        "scanner.cli.scan_output",
        "scanner.sinks.folder.folder",
        "aioboto3",
        "tests.faults.lives",
    ]
)
CHANGES = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir"})
KILLED = -signal.SIGKILL


def _live(argv: Sequence[str], environment: dict[str, str], said: str, folder: str, dies_at_change: int) -> None:
    os.environ.clear()
    os.environ.update(environment)
    changes = 0

    def count(event: str, arguments: tuple) -> None:
        """Told by the interpreter of each change to a file right before it is made."""
        nonlocal changes
        is_new = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
        if (is_new or event in CHANGES) and str(arguments[0]).startswith(folder):
            changes += 1
            if changes == dies_at_change:
                os.kill(os.getpid(), signal.SIGKILL)

    with Path(said).open("w") as stderr:
        sys.stderr = stderr
        sys.addaudithook(count)
        code = main(argv)
        stderr.write(f"\nchanges={changes}\n")
    os._exit(code)


class Life:
    """A run under way: `pid` to kill it by, `wait` for how it ended."""

    def __init__(self, argv: Sequence[str], environment: dict[str, str], folder: Path, dies_at_change: int = 0) -> None:
        self._said = folder.parent / "said"
        self._process = FORKS.Process(
            target=_live, args=(argv, environment, str(self._said), str(folder), dies_at_change)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int:
        """The exit code; `KILLED` if it was."""
        self._process.join(60)
        code = self._process.exitcode
        assert code is not None
        self._process.close()
        return code

    @property
    def said(self) -> str:
        """What it wrote to stderr."""
        return self._said.read_text()

    @property
    def changes(self) -> int:
        """How many changes to files of the folder it made; of a life that ended by itself."""
        return int(self.said.rpartition("changes=")[2])
