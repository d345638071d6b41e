"""`python -m tests.faults --kills N`: each process of a scan by workers is killed N times, in a folder and on S3."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import product
from pathlib import Path
from random import Random
from uuid import uuid4

import anyio
from msgspec import Struct

from scanner.simulator.running.expected import Truth
from scanner.store.layout import ScanNames
from scanner.store.store import Store
from tests.faults.chaos.findings import CATEGORIES, compare, expected_statuses
from tests.faults.chaos.held import held_by
from tests.faults.counting_s3 import CountingS3, serve_s3
from tests.faults.kills import dask, slices
from tests.faults.kills.scene import NODES, Outcome, Scene, world_of
from tests.faults.workers import Workers
from tests.faults.worlds import organization

Play = Callable[[Scene], Awaitable[str]]
VICTIMS: Mapping[str, Play] = {
    "begin": slices.begin_is_killed,
    "work": slices.work_is_killed,
    "finish": slices.finish_is_killed,
    "delta": slices.delta_is_killed,
    "frozen work": slices.work_is_frozen,
    "frozen finish": slices.finish_is_frozen,
    "worker": dask.worker_is_killed,
    "nanny": dask.nanny_is_killed,
    "scheduler": dask.scheduler_is_killed,
    "run": dask.run_is_killed,
    "frozen worker": dask.worker_is_frozen,
    "frozen run": dask.run_is_frozen,
}
PLACES = ("folder", "s3")
BUCKET = "scans"
SHOWN = ("rows lost", "rows doubled", "rows foreign", "nodes lost", "nodes doubled", "nodes foreign")


class Case(Struct, frozen=True):
    """Which process is killed or frozen, where the store is, and the seed of the moment."""

    victim: str
    place: str
    seed: int
    nodes: int = NODES

    def __str__(self) -> str:
        return f"{self.victim} with the store {'in a folder' if self.place == 'folder' else 'on S3'}, seed {self.seed}"


async def run_case(case: Case, s3: CountingS3, folder: Path) -> Outcome:
    """Plays one case, and holds what was committed against the truth; `folder` is for its files."""
    store = None if case.place == "folder" else f"s3://{BUCKET}/{uuid4().hex}"
    with organization(world_of(case.nodes)) as simulator, _endpoint(s3.url) if store else nullcontext():
        workers = Workers(simulator, folder, store)
        scene = Scene(workers, s3 if store else None, Random(str(case)), case.nodes)
        await VICTIMS[case.victim](scene)
        scene.count_pages()
        outcome = scene.outcome
        async with workers.files() as files:
            await _compare(outcome, Store(files), simulator.truth())
    return outcome


async def _compare(outcome: Outcome, store: Store, truth: Truth) -> None:
    """Holds the newest scan against the truth; no other may be committed but the one before a delta scan."""
    committed = await store.committed()
    if len(committed) != 1 + bool(outcome.earlier):
        outcome.findings.add("nodes lost", [f"committed are {committed}"])
        return
    scan_id = committed[-1]
    outcome.findings.add("damaged files", await store.verify(scan_id))
    before = (await held_by(store, outcome.earlier)).nodes_by_key if outcome.earlier else {}
    statuses = expected_statuses("delta" if outcome.earlier else "full", truth, before)
    compare(await held_by(store, scan_id), truth, statuses, outcome.findings)
    names = await store.files.names(ScanNames(scan_id).segments)
    outcome.late_files = len(set(names) - {each.name for each in (await store.manifest(scan_id)).segments})


@contextmanager
def _endpoint(url: str) -> Iterator[None]:
    before = os.environ.get("AWS_ENDPOINT_URL_S3")
    os.environ["AWS_ENDPOINT_URL_S3"] = url
    try:
        yield
    finally:
        del os.environ["AWS_ENDPOINT_URL_S3"]
        if before is not None:
            os.environ["AWS_ENDPOINT_URL_S3"] = before


def pages_needed(folder: Path, nodes: int) -> int:
    """How many pages of patches a scan asks for to which nothing happens."""
    with organization(world_of(nodes)) as simulator:
        workers = Workers(simulator, folder)
        code, life = workers.run("scan")
        assert code == 0, life.said
        return workers.pages.total()


def play(seeds: range, victims: Sequence[str], places: Sequence[str], nodes: int) -> int:
    """Plays every case with each seed; returns 0 if nothing was found, else 1."""
    needed, findings = 0, Counter[str]()
    with serve_s3(BUCKET) as s3:
        for victim, place in product(victims, places):
            outcomes = []
            for seed in seeds:
                case = Case(victim, place, seed, nodes)
                with tempfile.TemporaryDirectory(prefix="kills-") as name:
                    needed = needed or pages_needed(Path(name, "alone"), nodes)
                    outcomes.append(anyio.run(run_case, case, s3, Path(name)))
                for category, examples in outcomes[-1].findings.examples.items():
                    _show(f"{case}: {category}: {examples[0]}")
                findings.update(outcomes[-1].findings.counts)
            _show(_line(victim, place, outcomes, needed))
    _show("found: " + ", ".join(f"{findings[name]} {name}" for name in CATEGORIES if name in SHOWN or findings[name]))
    return 1 if findings else 0


def _line(victim: str, place: str, outcomes: Sequence[Outcome], needed: int) -> str:
    """What the cases of one victim in one place add up to."""
    found = sum((outcome.findings.counts for outcome in outcomes), Counter[str]())
    rows = sum(outcome.findings.compared["rows"] for outcome in outcomes)
    beyond = [outcome.pages - needed for outcome in outcomes]
    verdict = ", ".join(f"{count} {name}" for name, count in found.items()) or "right"
    return (
        f"{victim} ({place}): {len(outcomes)} scans, {sum(outcome.is_hit for outcome in outcomes)} hit, {rows:,} rows: "
        f"{verdict}; {sum(beyond) / len(beyond):.0f} pages beyond the {needed:,} needed "
        f"({sum(beyond) / len(beyond) / needed:.1%}), at most {max(beyond)} ({max(beyond) / needed:.1%}); "
        f"{sum(outcome.pages_again for outcome in outcomes)} pages of stored nodes asked again, "
        f"{sum(outcome.late_files for outcome in outcomes)} files written after a commit"
    )


def _show(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Reads the options and plays what they name."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults --kills", description=__doc__)
    parser.add_argument("--kills", type=int, metavar="N", help="how often each is killed, in a folder and on S3")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="S", help="the first seed [0]")
    parser.add_argument("--victims", metavar="NAMES", help=f"some of {','.join(VICTIMS)}; without: all")
    parser.add_argument("--place", choices=PLACES, help="where the store is; without: in both")
    parser.add_argument("--nodes", type=int, default=NODES, metavar="N", help=f"how many nodes a scan has [{NODES}]")
    given = parser.parse_args()
    victims = given.victims.split(",") if given.victims else list(VICTIMS)
    unknown = [name for name in victims if name not in VICTIMS]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}; there are {', '.join(VICTIMS)}")
    seeds = range(given.first, given.first + given.kills)
    return play(seeds, victims, [given.place] if given.place else PLACES, given.nodes)
