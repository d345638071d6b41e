"""What sending a stored scan to a sink takes: rounds of seconds, where two scans of ten seconds differ by chance alone.

A scan sends its rows to its sinks after its commit, from its store, as `patchsweep publish` does. So a publication
takes what a scan takes more with the sink than without, but for the start of the sink, which both have.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.clients import NO_LIMIT, PATCHES_ALONE
from tests.benchmarks.plan import EMPTY_REGIONS, READ_REGIONS, Size, spread_over_regions
from tests.benchmarks.processes import measured, serving


@dataclass(frozen=True)
class Publication:
    """One publication; `start_up_cpu_s` is what one of a scan without a node took right before."""

    sink: str
    cpu_s: float
    start_up_cpu_s: float

    @property
    def rows_cpu_s(self) -> float:
        """Returns what the rows took."""
        return self.cpu_s - self.start_up_cpu_s


def publications(size: Size, sinks: Mapping[str, str]) -> list[Publication]:
    """Returns those of every round: the sinks in random order, each with its start right before it.

    Args:
        size: how many nodes and rounds.
        sinks: the sinks by their names; `{folder}` is where their files go.
    """
    seeded_random = random.Random(size.nodes)
    with _stores(size) as (full, empty, environment):
        for sink in sinks.values():
            _publish(empty, sink, environment)  # writes the bytecode that an installation has
        return [
            Publication(
                name,
                start_up_cpu_s=_publish(empty, sinks[name], environment),
                cpu_s=_publish(full, sinks[name], environment),
            )
            for _ in range(size.sink_rounds)
            for name in seeded_random.sample(list(sinks), len(sinks))
        ]


def rows_cpu_s(runs: Collection[Publication]) -> Mapping[str, Sequence[float]]:
    """Returns what the rows took in each round, by sink."""
    taken = defaultdict(list)
    for run in runs:
        taken[run.sink].append(run.rows_cpu_s)
    return taken


@contextmanager
def _stores(size: Size) -> Iterator[tuple[Path, Path, dict[str, str]]]:
    """Yields a store with the scan of all nodes and one with a scan of none, and the environment of commands."""
    with serving(spread_over_regions(size.nodes), tls=True) as server, TemporaryDirectory() as folder:
        full, empty = Path(folder, "full"), Path(folder, "empty")
        environment = server.environment(**PATCHES_ALONE)
        for store, regions in ((full, READ_REGIONS), (empty, EMPTY_REGIONS)):
            arguments = ("scan", "--regions", ",".join(regions), "--no-progress", "--store", str(store), *NO_LIMIT)
            measured([sys.executable, "-m", "scanner", *arguments], environment)
        yield full, empty, environment


def _publish(store: Path, sink: str, environment: Mapping[str, str]) -> float:
    """Returns the CPU seconds of the whole command."""
    with TemporaryDirectory() as folder:
        arguments = ("publish", "--store", str(store), "--sink", sink.format(folder=folder))
        return measured([sys.executable, "-m", "scanner", *arguments], environment).cpu_s
