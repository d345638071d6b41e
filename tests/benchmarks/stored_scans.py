"""What sending a stored scan to a sink takes: rounds of seconds, where two scans of ten seconds differ by chance alone.

A scan sends its rows to its sinks after its commit, from its store, as `patchsweep publish` does. So a publication
takes for the rows what a scan takes more with the sink than without; what the start of the sink takes, scans without a
node show.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.clients import NO_LIMIT, PATCHES_ALONE
from tests.benchmarks.plan import EMPTY_REGIONS, READ_REGIONS, Size, spread_over_regions
from tests.benchmarks.processes import measured, serving


@dataclass(frozen=True)
class Sent:
    """What commands took right after each other: publications of all nodes and of none, scans of none."""

    sink: str
    all_cpu_s: float
    none_cpu_s: float
    scan_cpu_s: float
    scan_without_sink_cpu_s: float

    @property
    def start_cpu_s(self) -> float:
        """Returns what the sink adds to the start and the end of a scan."""
        return self.scan_cpu_s - self.scan_without_sink_cpu_s

    @property
    def cpu_s(self) -> float:
        """Returns what the sink adds to a scan of all nodes."""
        return self.all_cpu_s - self.none_cpu_s + self.start_cpu_s


def sent_to_sinks(size: Size, sinks: Mapping[str, str]) -> Mapping[str, Sequence[Sent]]:
    """Returns what sending takes in every round, by sink; the sinks of a round come in random order.

    Args:
        size: how many nodes and rounds.
        sinks: the sinks by their names; `{folder}` is where their files go.
    """
    seeded_random = random.Random(size.nodes)
    taken = defaultdict(list)
    with serving(spread_over_regions(size.nodes), tls=True) as server, TemporaryDirectory() as folder:
        everything, nothing = Path(folder, "all"), Path(folder, "none")
        environment = server.environment(**PATCHES_ALONE)
        for store, regions in ((everything, READ_REGIONS), (nothing, EMPTY_REGIONS)):
            _run(environment, "scan", *_scanned(regions), "--store", str(store))
        for sink in sinks.values():
            _run(environment, "publish", "--store", str(nothing), sink=sink)  # writes the bytecode of an installation
        for _ in range(size.sink_rounds):
            for name in seeded_random.sample(list(sinks), len(sinks)):
                taken[name].append(_sent(environment, name, sinks[name], everything, nothing))
    return taken


def _sent(environment: Mapping[str, str], name: str, sink: str, everything: Path, nothing: Path) -> Sent:
    return Sent(
        name,
        all_cpu_s=_run(environment, "publish", "--store", str(everything), sink=sink),
        none_cpu_s=_run(environment, "publish", "--store", str(nothing), sink=sink),
        scan_cpu_s=_run(environment, "scan", *_scanned(EMPTY_REGIONS), sink=sink),
        scan_without_sink_cpu_s=_run(environment, "scan", *_scanned(EMPTY_REGIONS)),
    )


def _scanned(regions: Sequence[str]) -> tuple[str, ...]:
    return ("--regions", ",".join(regions), "--no-progress", *NO_LIMIT)


def _run(environment: Mapping[str, str], *arguments: str, sink: str | None = None) -> float:
    """Returns the CPU seconds of a whole command; its files go into a folder that is thrown away."""
    with TemporaryDirectory() as folder:
        place = () if "--store" in arguments else ("--store", f"{folder}/store")
        output = () if sink is None else ("--sink", sink.format(folder=folder))
        return measured([sys.executable, "-m", "scanner", *arguments, *place, *output], environment).cpu_s
