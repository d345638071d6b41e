"""Runs of the command that are killed: each a process of its own, forked from one that has the imports behind it."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from scanner.cli import main
from tests.forks import FORKS, current_umask

CHANGES = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir"})
KILLED = -signal.SIGKILL


def _tell_where_tasks_stand(stderr: TextIO) -> None:
    for task in asyncio.all_tasks(asyncio.get_running_loop()):
        awaited: Any = task.get_coro()
        stderr.write(f"{task.get_name()} waits at:\n")
        while awaited is not None and (frame := getattr(awaited, "cr_frame", getattr(awaited, "gi_frame", None))):
            stderr.write(f"  {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}\n")
            awaited = getattr(awaited, "cr_await", getattr(awaited, "gi_yieldfrom", None))
    stderr.flush()


def _live(
    argv: Sequence[str],
    environment: dict[str, str],
    said: str,
    folder: str,
    dies_at_change: int,
    dies_of: int,
    umask: int,
) -> None:
    os.umask(umask)
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
                os.kill(os.getpid(), dies_of)

    with Path(said).open("w") as stderr, Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)
        sys.stderr = stderr
        signal.signal(signal.SIGUSR1, lambda *_: _tell_where_tasks_stand(stderr))
        faulthandler.register(signal.SIGUSR1, stderr, all_threads=True, chain=True)
        sys.addaudithook(count)
        code = main(argv)
        stderr.write(f"\nchanges={changes}\n")
    os._exit(code)


class Life:
    """A run under way: `pid` to kill it by, `wait` for how it ended."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: dict[str, str],
        folder: Path,
        dies_at_change: int = 0,
        *,
        dies_of: int = signal.SIGKILL,
        watched: Path | None = None,
    ) -> None:
        self._said = folder.parent / "said"
        self._said.touch()  # a kill may come before the process opens it
        folder = watched or folder
        arguments = (argv, environment, str(self._said), str(folder), dies_at_change, dies_of, current_umask())
        self._process = FORKS.Process(target=_live, args=arguments)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        """Send SIGTERM, as a scheduler does first."""
        self._process.terminate()

    def wait(self, timeout_s: float = 300.0) -> int:
        """The exit code; `KILLED` if it was.

        Raises:
            TimeoutError: it did not end; it wrote to stderr where its threads stood, and is killed.
        """
        self._process.join(timeout_s)
        code = self._process.exitcode
        if code is None:
            os.kill(self.pid, signal.SIGUSR1)
            self._process.join(2.0)
            self.kill()
            self._process.join()
        self._process.close()
        if code is None:
            raise TimeoutError(self.said)
        return code

    @property
    def said(self) -> str:
        """What it wrote to stderr."""
        return self._said.read_text()

    @property
    def changes(self) -> int:
        """How many changes to files of the folder it made; of a life that ended by itself."""
        return int(self.said.rpartition("changes=")[2])


class WholeLife:
    """The same as a process of its own from its first import to its last thread, which a fork leaves out."""

    def __init__(self, argv: Sequence[str], environment: dict[str, str], folder: Path) -> None:
        self._said = folder.parent / "said"
        with self._said.open("wb") as stderr:
            command = [sys.executable, "-m", "scanner", *argv]
            pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": stderr}
            self._process = subprocess.Popen(command, env=environment, **pipes)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        """Send SIGTERM, as a scheduler does first."""
        self._process.terminate()

    def wait(self, timeout_s: float = 300.0) -> int:
        """The exit code; negative: the signal that ended it.

        Raises:
            TimeoutError: it did not end, and is killed.
        """
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise TimeoutError(self.said) from None

    @property
    def said(self) -> str:
        """What it wrote to stderr."""
        return self._said.read_text()
