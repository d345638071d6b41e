"""One scan read by several processes of the command, which a test kills, stops and starts again."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path

from scanner.files.local import LocalFiles
from scanner.files.s3 import open_files
from scanner.simulator.generate.build import make_world
from scanner.store.store import Store
from tests.faults.lives import Life
from tests.faults.worlds import LIMITS

WORLD = make_world(accounts=4, regions=2, nodes=64, rows=30)
PATIENCE_S = 500.0  # a busy machine takes minutes for what is a second of CPU
LISTING, PATCHES = "DescribeInstanceInformation", "DescribeInstancePatches"


class Workers:
    """The processes of one scan over one simulated organization."""

    def __init__(self, simulator, folder: Path, store: str | None = None, **environment: str) -> None:
        self._simulator = simulator
        self._environment = environment
        self.folder = folder
        self.store = store or str(folder / "store")
        self.listed: list[tuple[str, str]] = []
        self.requests = 0
        self.operations: Counter[str] = Counter()
        self.pages: Counter[str] = Counter()
        self.on_request = lambda call: None
        self._lives = 0
        simulator.watch(self._watch)

    def _watch(self, call) -> None:
        self.requests += 1
        self.operations[call.operation] += 1
        if call.operation == PATCHES:
            self.pages[json.loads(call.body)["InstanceId"]] += 1
        if call.operation == LISTING:
            self.listed.append((call.account_id, call.region))
        self.on_request(call)

    def start(self, *argv: str, **dies) -> Life:
        """Starts the command; it runs beside the test."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **self._simulator.environment(),
            **({"AWS_ENDPOINT_URL_S3": os.environ["AWS_ENDPOINT_URL_S3"]} if self.store.startswith("s3") else {}),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "PATCHSWEEP_STORE": self.store,
            "PATCHSWEEP_ACCOUNTS": "organization",
            "PATCHSWEEP_REGIONS": "enabled",
            "PATCHSWEEP_ROLE_NAME": WORLD.role_name,
            "PATCHSWEEP_RATE": str(LIMITS.rate_per_s),
            "PATCHSWEEP_MAX_RATE": str(LIMITS.max_rate_per_s),
            "PATCHSWEEP_BURST": str(LIMITS.burst),
            "PATCHSWEEP_MAX_OPEN_TARGETS": "2",
            "PATCHSWEEP_FLUSH_ROWS": "120",
            "PATCHSWEEP_FLUSH_INTERVAL_S": "0.2",
            "PATCHSWEEP_LEASE_S": "1",
            **self._environment,
        }
        self._lives += 1
        place = self.folder / f"life-{self._lives}" / "said"
        place.parent.mkdir(parents=True)
        return Life(argv, environment, place, watched=self.folder / "store", **dies)

    def run(self, *argv: str, **dies) -> tuple[int, Life]:
        """Runs the command to its end; returns its exit code."""
        life = self.start(*argv, **dies)
        return life.wait(PATIENCE_S), life

    async def begin(self) -> str:
        """Begins a scan; returns its id."""
        code, life = self.run("begin")
        assert code == 0, life.said
        async with self.files() as files:
            (scan_id,) = await Store(files).unfinished()
        return scan_id

    def files(self):
        """The files of the store while a block runs."""
        return open_files(self.store) if self.store.startswith("s3") else _Local(self.store)

    async def stored_nodes(self, scan_id: str) -> set[str]:
        """The nodes that are delivered, by instance id."""
        async with self.files() as files:
            done = await Store(files).join_scan(scan_id).prepare_resume()
        return {instance_id for target in done.targets.values() for instance_id in target.instance_ids}

    async def ended(self, scan_id: str) -> set[tuple[str, str]]:
        """The targets that need no further reading."""
        async with self.files() as files:
            return set((await Store(files).join_scan(scan_id).prepare_resume()).ended)


class _Local:
    def __init__(self, folder: str) -> None:
        self._files = LocalFiles(folder)

    async def __aenter__(self):
        return self._files

    async def __aexit__(self, *_):
        pass


def freeze(life: Life) -> None:
    """Stops a process as a machine that hangs does."""
    os.kill(life.pid, signal.SIGSTOP)


def wake(life: Life) -> None:
    """Lets a stopped process go on."""
    os.kill(life.pid, signal.SIGCONT)
