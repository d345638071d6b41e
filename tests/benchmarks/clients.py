"""The clients that are compared: how each is started, and the rows it says it read."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.processes import Server, Usage, measured

NO_LIMIT = ("--rate", "1000000", "--max-rate", "1000000")
SOURCES = ("ec2", "tags", "inventory", "associations", "baselines")
#: With these a scan asks for nodes and patches alone, as the other clients do.
PATCHES_ALONE = {f"PATCHSWEEP_COVERAGE_{source.upper()}": "off" for source in SOURCES}


@dataclass(frozen=True)
class Counted:
    """A client's usage and the rows it read."""

    usage: Usage
    rows: int


@dataclass(frozen=True)
class Peer:
    """A client in `tests.benchmarks.peers`."""

    name: str

    def run(self, server: Server, regions: Sequence[str]) -> Counted:
        """Read every node of these Regions."""
        arguments = [sys.executable, "-m", "tests.benchmarks.peers", self.name, ",".join(regions)]
        usage = measured(arguments, server.environment())
        return Counted(usage, json.loads(usage.stdout)["rows"])


@dataclass(frozen=True)
class Patchsweep:
    """`patchsweep scan` whole, with a store that is thrown away; `sink` has `{folder}` where its files go."""

    options: tuple[str, ...] = NO_LIMIT
    variables: Mapping[str, str] = field(default_factory=dict)
    module: tuple[str, ...] = ("scanner",)
    sink: str | None = None

    def run(self, server: Server, regions: Sequence[str]) -> Counted:
        """Scan these Regions."""
        with TemporaryDirectory() as folder:
            summary = Path(folder, "summary.json")
            arguments = [sys.executable, "-m", *self.module, "scan", "--regions", ",".join(regions), "--no-progress"]
            arguments += ["--store", f"{folder}/store", "--summary", str(summary), *self.options]
            if self.sink:
                arguments += ["--sink", self.sink.format(folder=folder)]
            usage = measured(arguments, server.environment(**self.variables))
            return Counted(usage, json.loads(summary.read_bytes())["patch_rows"])
