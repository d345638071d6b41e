"""One scan by several processes, in which one of them is killed or frozen at a random moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import anyio
from msgspec import Struct, field

from scanner.simulator.generate.build import make_world
from scanner.simulator.world.organization import World
from scanner.store.store import Store
from tests.faults.chaos.findings import Findings
from tests.faults.counting_s3 import CountingS3
from tests.faults.lives import KILLED, Life
from tests.faults.workers import Workers

NODES = 64
REQUESTS = 250  # about what a whole scan of so many nodes sends
PATIENCE_S = 500.0  # a busy machine takes a minute to start a worker of Dask
LOOK_EVERY_S = 0.05
BUSY = ("is being written by", "wait until all workers have ended")


def world_of(nodes: int) -> World:
    """The organization of a scan of so many nodes; each account and Region of eight has as many."""
    return make_world(accounts=4, regions=2, nodes=nodes, rows=110)


class Outcome(Struct):
    """What came of one case: whether the process was hit, and what was found wrong."""

    is_hit: bool = False
    findings: Findings = field(default_factory=Findings)
    pages: int = 0  # of patches, that were asked for
    pages_again: int = 0  # of nodes that were stored when the scan went on
    late_files: int = 0  # that a process wrote into the scan after its commit
    earlier: str = ""  # the scan before, of which a delta scan takes its rows


class Scene:
    """The processes of one scan, its store, and the moment at which something happens to one of them."""

    def __init__(self, workers: Workers, s3: CountingS3 | None, chance: Random, nodes: int = NODES) -> None:
        self.workers = workers
        self.s3 = s3
        self.chance = chance
        self.requests = REQUESTS * nodes // NODES  # about what a whole scan sends
        self.outcome = Outcome()
        self._stored: set[str] = set()
        self._asked_before: Counter[str] = Counter()

    def at_request(self, number: int, act: Callable[[], None]) -> None:
        """Acts once, at the request of that number from now on."""
        at = self.workers.requests + number

        def watch(_: object) -> None:
            if self.workers.requests >= at and not self.outcome.is_hit:
                self.outcome.is_hit = True
                act()

        self.workers.on_request = watch

    def at_put(self, number: int, act: Callable[[], None]) -> None:
        """Acts once, while the object of that number from now on is on its way to S3."""
        assert self.s3 is not None
        at = self.s3.puts + number

        def told(puts: int) -> None:
            if puts >= at and not self.outcome.is_hit:
                self.outcome.is_hit = True
                act()

        self.s3.told = told

    def hit_at_request(self, number: int, act: Callable[[Life], None], *argv: str) -> Life:
        """Starts a command to which something happens at a request of any process."""
        lives: list[Life] = []
        self.at_request(number, lambda: act(lives[0]))
        lives.append(self.workers.start(*argv))
        return lives[0]

    def hit_at_put(self, number: int, act: Callable[[Life], None], *argv: str) -> Life:
        """Starts a command to which something happens while an object is on its way to S3."""
        self.outcome.is_hit = False
        lives: list[Life] = []
        self.at_put(number, lambda: act(lives[0]))
        lives.append(self.workers.start(*argv))
        return lives[0]

    def calm(self) -> None:
        """Lets nothing more happen."""
        self.workers.on_request = lambda _: None
        if self.s3 is not None:
            self.s3.told = lambda _: None

    def killed(self, writes: int, *argv: str) -> int:
        """Runs a command that is killed at one of its first `writes` writes to the store; returns its exit code."""
        number = self.chance.randrange(1, writes + 1)
        if self.s3 is None:
            code, _ = self.workers.run(*argv, dies_at_change=number)
            self.outcome.is_hit = code == KILLED
            return code
        code = self.hit_at_put(number, Life.kill, *argv).wait(PATIENCE_S)
        self.calm()
        return code

    async def to_its_end(self, *argv: str) -> None:
        """Runs a command that has to end with 0, again while the lease of a killed process is in the way."""
        for _ in range(120):
            code, life = self.workers.run(*argv)
            if code == 0:
                return
            if code != 1 or not any(words in life.said for words in BUSY):
                self.wrong(argv, code, life.said)
                return
            await anyio.sleep(0.5)
        self.wrong(argv, code, life.said)

    def wrong(self, argv: tuple[str, ...], code: int, said: str) -> None:
        """Notes a command that did not end as it has to."""
        self.outcome.findings.add("wrong exit codes", [f"{' '.join(argv)} ended with {code}: {said[-3000:]}"])
        if "Traceback" in said:
            self.outcome.findings.add("tracebacks", [said[-3000:]])

    async def goes_on(self, scan_id: str) -> None:
        """Remembers what is stored of the scan: no page of these nodes is to be asked for again."""
        self._stored = await self.workers.stored_nodes(scan_id)
        self._asked_before = Counter(self.workers.pages)

    def count_pages(self) -> None:
        """Counts what was asked for."""
        self.outcome.pages = self.workers.pages.total()
        again = self.workers.pages - self._asked_before
        self.outcome.pages_again = sum(again[node] for node in self._stored)

    async def committed(self) -> list[str]:
        async with self.workers.files() as files:
            return await Store(files).committed()

    async def unfinished(self) -> list[str]:
        async with self.workers.files() as files:
            return await Store(files).unfinished()


async def is_stopped(pid: int) -> bool:
    """Waits until a process that something freezes stands still; returns whether it does, or has ended instead."""
    with anyio.fail_after(PATIENCE_S):
        while (state := _state(pid)) not in "TZ":  # noqa: ASYNC110 - no event tells of it
            await anyio.sleep(LOOK_EVERY_S)
    return state == "T"


def _state(pid: int) -> str:
    """The letter that the system has for what a process does: T where it is stopped, Z where it has ended."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
