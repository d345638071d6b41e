"""Runs the command line as its users do: a process of its own, its surroundings known to the last variable.

Most of the CPU of a command over a small organization goes into imports, so `run` forks a process that has them behind
it. `run_whole`, `start` and `shell` begin with the start of the interpreter.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, structs

from tests.forks import run_forked

ENDS_WITHIN_S = 300  # a command takes seconds; on a busy machine, minutes
#: A simulator without limits need not be asked at the pace of AWS, not even where it says that it is too fast.
FAST = {"PATCHSWEEP_RATE": "2000", "PATCHSWEEP_MIN_RATE_PER_S": "2000", "PATCHSWEEP_MAX_RATE": "5000"}
ORGANIZATION = ("--accounts", "organization", "--regions", "enabled", "--role-name", "patchsweep-reader")


class Ended(NamedTuple):
    """A process that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def sentences(self) -> list[str]:
        """What the command itself says on stderr, less its name."""
        return [
            line.removeprefix("patchsweep: ") for line in self.stderr.splitlines() if line.startswith("patchsweep:")
        ]


class Terminal(Struct, frozen=True):
    """A folder to work in, and the variables that are set there."""

    folder: Path
    variables: dict[str, str]

    def given(self, variables: dict[str, str]) -> Terminal:
        """The same with more variables."""
        return structs.replace(self, variables={**self.variables, **variables})

    def without(self, *names: str) -> Terminal:
        """The same without these variables."""
        kept = {name: value for name, value in self.variables.items() if name not in names}
        return structs.replace(self, variables=kept)

    def run(self, *arguments: str | Path) -> Ended:
        """Runs `patchsweep` with these arguments to its end."""
        if any(name.startswith("PYTHON") for name in self.variables):  # the interpreter reads these when it starts
            return self.run_whole(*arguments)
        argv = [str(part) for part in arguments]
        return Ended(*run_forked(argv, self.folder, self.variables, ends_within_s=ENDS_WITHIN_S))

    def run_whole(self, *arguments: str | Path, **options) -> Ended:
        """Runs `patchsweep` as a process that starts from nothing."""
        return self.ended(self.start(*arguments, **options))

    def start(self, *arguments: str | Path, **options) -> subprocess.Popen[str]:
        return self.start_any(sys.executable, "-m", "scanner", *arguments, **options)

    def start_any(self, *command: str | Path, **options) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [str(part) for part in command],
            **{"cwd": self.folder, "env": self.variables, "encoding": "utf-8", **pipes, **options},
        )

    def ended(self, process: subprocess.Popen[str]) -> Ended:
        """What is left of both outputs, and the exit code; a process that hangs is killed."""
        with process:
            try:
                stdout, stderr = process.communicate(timeout=ENDS_WITHIN_S)
            finally:
                process.kill()
        return Ended(process.returncode, stdout, stderr)

    def shell(self, text: str) -> Ended:
        """A line typed into a shell that finds `patchsweep` on its path."""
        return self.ended(self.start_any("sh", "-c", text))


def terminal_in(folder: Path) -> Terminal:
    """No AWS settings but what is given, no home but the folder, the commands of this environment on the path."""
    folder.mkdir(parents=True, exist_ok=True)
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true",
        **FAST,
    }
    return Terminal(folder, variables)
