"""Runs one seed: its scans, killed and resumed, each held against the truth."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import anyio
from msgspec import Struct, field, structs

from scanner.core.state_names import COUNTED_STATES
from scanner.files.local import LocalFiles
from scanner.files.s3 import open_files
from scanner.simulator.generate.build import AS_OF_S, make_world
from scanner.simulator.generate.machines import make_machine
from scanner.simulator.running.buckets import NO_LIMITS, Limits, Rate
from scanner.simulator.running.expected import Truth
from scanner.simulator.server.run import serve_in_thread
from scanner.simulator.server.simulator import Simulator
from scanner.simulator.world.machines import InstanceState, Machine
from scanner.simulator.world.organization import World
from scanner.store.store import Store
from tests.faults.chaos.certificates import Certificate
from tests.faults.chaos.findings import (
    Findings,
    NodeKey,
    compare,
    expected_exit_code,
    expected_statuses,
    with_refreshed,
)
from tests.faults.chaos.held import differences, held_by
from tests.faults.chaos.mix import Kill, Mix, ScanMix
from tests.faults.chaos.proxy import Proxy, Trap, serving
from tests.faults.lives import Life, WholeLife
from tests.faults.worlds import aws_settings

PATIENCE_S = 2.0  # The client's read time-out: short, so that hanging answers cost little
ENDS_WITHIN_S = 300.0  # on a machine of two cores that eight others share, too
LEASE_S = 1.0
LEASE_PAUSE_S = 0.5
HELD = "is being written by process"
COMPLAINTS = ("Traceback", "never awaited", "never retrieved", "Unclosed", "Fatal Python error", "Exception ignored")
BUCKET = "chaos"


class Report(Struct):
    """What a seed did and what was wrong with it."""

    mix: Mix
    findings: Findings = field(default_factory=Findings)
    scans: int = 0
    runs: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    wire: Counter[str] = field(default_factory=Counter)
    simulated: Counter[str] = field(default_factory=Counter)
    requests: int = 0


class Places(Struct, frozen=True):
    """What seeds share: a server of S3 with a bucket `chaos`, a client of it, and a certificate of 127.0.0.1."""

    s3_url: str
    s3: Any
    certificate: Certificate


def world_of(mix: Mix) -> World:
    """The organization of a seed: its nodes, and beside them instances that Systems Manager does not list."""
    world = make_world(accounts=mix.accounts, regions=mix.regions, nodes=mix.nodes, rows=mix.rows, seed=mix.seed)
    accounts = {
        account_id: structs.replace(
            account,
            regions={
                name: structs.replace(region, machines=_unlisted(mix, account_id, name))
                for name, region in account.regions.items()
            },
        )
        for account_id, account in world.accounts.items()
    }
    return structs.replace(world, accounts=accounts)


def _managed(world: World) -> set[str]:
    """The ids of the nodes that Systems Manager knows: a patching operation can run there."""
    regions = (region for account in world.accounts.values() for region in account.regions.values())
    return {node.instance_id for region in regions for node in region.nodes}


def _unlisted(mix: Mix, account_id: str, region: str) -> tuple[Machine, ...]:
    """Running, stopped, leaving and service-managed instances, hidden ones among them."""
    random = Random(f"unlisted:{mix.seed}:{account_id}:{region}")
    return tuple(
        make_machine(
            random,
            AS_OF_S,
            name=f"unlisted-{number}",
            state=random.choice([*InstanceState, InstanceState.RUNNING]),
            has_instance_profile=random.random() < 0.5,
            operator=random.choice(["", "", "eks.amazonaws.com"]),
            is_hidden=random.random() < 0.3,
        )
        for number in range(mix.unlisted)
    )


def run_seed(mix: Mix, folder: Path, places: Places) -> Report:
    """Run the scans of a seed in this empty folder."""
    report = Report(mix)
    world = world_of(mix)
    rate = mix.rate_per_s
    limits = Limits(NO_LIMITS.default, {"DescribeInstancePatches": Rate(rate, 10.0)}) if rate else NO_LIMITS
    with serve_in_thread(world, faults=mix.faults, limits=limits) as simulator, ExitStack() as stack:
        trap = Trap()
        stack.enter_context(serving(trap))
        wire = Proxy(simulator.url, mix.wire, seed=mix.seed, trap=trap.url, patience_s=PATIENCE_S)
        stack.enter_context(serving(wire, places.certificate.server() if mix.is_tls else None))
        s3 = Proxy(places.s3_url, mix.s3_wire, seed=mix.seed, trap=trap.url, patience_s=PATIENCE_S)
        stack.enter_context(serving(s3))
        stack.enter_context(aws_settings(simulator))
        os.environ["AWS_ENDPOINT_URL_S3"] = places.s3_url
        seed = _Seed(report, simulator, wire, s3, folder, places)
        for number, scan in enumerate(mix.scans):
            if not seed.scan(number, scan):
                break
        findings = report.findings
        findings.add("connections reused after a surplus", range(wire.reused))
        findings.add("requests sent elsewhere", range(trap.requests))
        findings.add("errors of the harness", [*wire.errors, *s3.errors])
        report.wire += wire.faults + Counter({f"s3 {name}": count for name, count in s3.faults.items()})
        report.simulated += simulator.stats.faults
        report.simulated["throttled by a full bucket"] += sum(simulator.stats.throttled_by_key.values())
        report.requests += wire.requests + s3.requests
    return report


class _Seed:
    """The scans of one seed over one simulated organization."""

    def __init__(
        self, report: Report, simulator: Simulator, wire: Proxy, s3: Proxy, folder: Path, places: Places
    ) -> None:
        self._report = report
        self._findings = report.findings
        self._mix = report.mix
        self._simulator = simulator
        self._wire = wire
        self._s3 = s3
        self._folder = folder
        self._places = places
        self._location = f"s3://{BUCKET}/{uuid4().hex}" if self._mix.store == "s3" else str(folder / "store")
        self._before: dict[NodeKey, dict] = {}
        self._before_with_all_rows: dict[NodeKey, dict] = {}
        self._lives = 0
        self._keys_die_at: int | None = None
        self._keys_died = False
        self._is_pointer_owed = False
        simulator.watch(self._end_credentials)

    def scan(self, number: int, scan: ScanMix) -> bool:
        """One scan from its beginning to its verdict; False: it did not end, so that no other can follow."""
        random = Random(f"patched:{self._mix.seed}:{number}")
        managed = _managed(self._simulator.world)
        for key in (key for key in self._simulator.truth().nodes if key[2] in managed):
            if random.random() < scan.patched:
                self._simulator.patch_node(*key)
            elif random.random() < scan.superseded:
                self._simulator.supersede_node(*key)
            elif random.random() < scan.rescanned:
                self._simulator.rescan_node(*key)
        sink = self._folder / f"sink-{number}" if scan.has_sink else None
        known = self._committed()
        code = self._run_to_the_end(scan, known, sink)
        self._report.scans += 1
        new = self._committed() - known
        truth = self._truth(scan)
        if code != expected_exit_code(truth):
            said = self._last.said[-1_500:]
            self._findings.add("wrong exit codes", [f"{code}, not {expected_exit_code(truth)}: {said}"])
        if len(new) != 1:
            self._findings.add("runs that do not end", [f"{len(new)} scans were committed, not one"])
            return False
        anyio.run(self._judge, new.pop(), scan, sink)
        return True

    def _run_to_the_end(self, scan: ScanMix, known: set[str], sink: Path | None) -> int:
        """The runs of a scan; gives the exit code of the last, or of the scan if it was committed before a kill."""
        self._is_pointer_owed = False
        self._keys_die_at = scan.keys_die_at and self._simulator.stats.requests() + scan.keys_die_at
        for kill in (*scan.kills, None):
            code, was_killed = self._run_until_it_may(scan, kill, known, sink)
            if not was_killed:
                return code
            if self._committed() - known:
                # Killed after its commit: its sinks are owed the scan, and latest.json waits for the next one.
                self._is_pointer_owed = True
                if sink is not None:
                    self._expect(self._run(["publish"], scan, None, sink)[0], 0)
                return expected_exit_code(self._truth(scan))
        raise AssertionError("the last run is never killed")

    def _run_until_it_may(
        self, scan: ScanMix, kill: Kill | None, known: set[str], sink: Path | None
    ) -> tuple[int, bool]:
        """One run that neither the lease of the run before nor dead keys keep from going on."""
        while True:
            code, was_killed = self._run(self._words(scan), scan, kill, sink)
            if code == 1 and HELD in self._last.said:
                # The lease of the run that was killed has to end first.
                time.sleep(LEASE_PAUSE_S)
            elif self._renew_keys() and not was_killed and not self._committed() - known:
                self._report.kills["keys deleted"] += 1
                if "of this run" not in self._last.said:
                    self._findings.add("wrong exit codes", [f"{code} for dead keys: {self._last.said[-1_500:]}"])
            else:
                return code, was_killed

    def _renew_keys(self) -> bool:
        """Let the caller's keys work again; False: they did all the time."""
        sessions = self._simulator._simulation.sessions
        keys = sessions.users[self._simulator.world.hub_account_id]
        sessions._keys[keys.access_key] = keys
        died, self._keys_died = self._keys_died, False
        return died

    def _words(self, scan: ScanMix) -> list[str]:
        if scan.lets_it_choose:
            return ["scan", "--resume-or-start"]
        return ["scan", "--resume"] if self._unfinished() else ["scan"]

    def _run(self, words: list[str], scan: ScanMix, kill: Kill | None, sink: Path | None) -> tuple[int, bool]:
        """One process; gives how it ended and whether the kill ended it."""
        self._lives += 1
        self._report.runs += 1
        folder = self._folder / f"life-{self._lives}" / "store"
        folder.parent.mkdir()
        environment = self._environment(scan, sink)
        changed = Path(self._location) if self._mix.store == "folder" else folder
        if scan.is_whole_process:
            life = WholeLife(words, environment, folder)
        else:
            at = kill.number if kill is not None and kill.at == "change" else 0
            life = Life(words, environment, folder, at, watched=changed)
        self._last = life

        with _killing(life, kill, self._wire, self._s3) as sent:
            code = life.wait(ENDS_WITHIN_S)
        was_sent = bool(sent) or (kill is not None and kill.at == "change")
        was_killed = was_sent and code in (-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM)
        if was_killed and kill is not None:
            self._report.kills[f"{kill.by} at a {kill.at}"] += 1
        elif code < 0:
            self._findings.add("signals", [f"{' '.join(words)} ended by signal {-code}: {life.said[-500:]}"])
        if any(word in life.said for word in COMPLAINTS):
            self._findings.add("tracebacks", [life.said[-2_000:]])
        return code, was_killed

    def _environment(self, scan: ScanMix, sink: Path | None) -> dict[str, str]:
        mix = self._mix
        s3 = self._s3.url if mix.s3_wire else self._places.s3_url
        settings = {
            "store": self._location,
            "sink": f"jsonl:{sink}" if sink else "",
            "accounts": "organization",
            "regions": "enabled",
            "role_name": self._simulator.world.role_name,
            "mode": scan.mode,
            "transport": mix.transport,
            "page_size": mix.page_size,
            "flush_rows": mix.flush_rows,
            "flush_interval_s": 0.3,
            "max_open_targets": mix.max_open_targets,
            "rate": 2_000,
            "max_rate": 2_000,
            "min_rate_per_s": 50,
            "burst": 2_000,
            "max_attempts": 20,
            "retry_first_delay_s": 0.01,
            "retry_max_delay_s": 0.1,
            "read_timeout_s": PATIENCE_S,
            "max_node_restarts": 12,
            "lease_s": LEASE_S,
        }
        variables = {f"PATCHSWEEP_{name.upper()}": str(value) for name, value in settings.items() if value != ""}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            **self._simulator.environment(),
            "AWS_ENDPOINT_URL": self._wire.url,
            "AWS_ENDPOINT_URL_S3": s3,
            "AWS_CA_BUNDLE": self._places.certificate.cert,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **variables,
        }

    async def _judge(self, scan_id: str, scan: ScanMix, sink: Path | None) -> None:
        """Hold the committed scan against the truth, its files against its manifest, its sinks against the store."""
        truth = self._truth(scan)
        async with self._store() as store:
            held = await held_by(store, scan_id)
            self._findings.add("damaged files", await store.verify(scan_id))
            if not self._is_pointer_owed:
                self._findings.add("damaged files", await store.verify_latest())
        before = self._before if scan.mode == "lean" else self._before_with_all_rows
        statuses = expected_statuses(scan.mode, truth, before)
        if scan.mode == "lean":
            statuses = with_refreshed(statuses, held, before)
        else:
            self._before_with_all_rows = held.nodes_by_key
        compare(held, truth, statuses, self._findings)
        self._before = held.nodes_by_key
        again = self._folder / f"again-{scan_id}"
        for words, to in ((["publish", scan_id], again), (["scans", "verify", scan_id], None)):
            code, _ = await anyio.to_thread.run_sync(self._run, words, scan, None, to)
            self._expect(code, 0)
        for folder in filter(None, (sink, again)):
            self._findings.add("wrong in a sink", differences(folder, held))

    def _truth(self, scan: ScanMix) -> Truth:
        """What the scan has to hold; lean mode leaves out what is not applicable."""
        return self._simulator.truth(states=COUNTED_STATES if scan.mode == "lean" else ())

    def _expect(self, code: int, expected: int) -> None:
        if code != expected:
            self._findings.add("wrong exit codes", [f"{code}, not {expected}: {self._last.said[-1_500:]}"])

    def _end_credentials(self, _call: object) -> None:
        if self._simulator.stats.requests() == self._mix.sessions_end_at:
            self._simulator.expire_sessions()
        if self._simulator.stats.requests() == self._keys_die_at:
            self._simulator.delete_own_keys()
            self._keys_died = True

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[Store]:
        if self._mix.store == "folder":
            yield Store(LocalFiles(Path(self._location)))
        else:
            async with open_files(self._location) as files:
                yield Store(files)

    def _committed(self) -> set[str]:
        """Ids of the scans with a manifest, by the documented layout of a store: cheaper than opening it."""
        return {name.split("/")[1] for name in self._names() if name.endswith("/manifest.json")}

    def _unfinished(self) -> set[str]:
        return {name.split("/")[1] for name in self._names() if name.endswith("/scan.json")} - self._committed()

    def _names(self) -> list[str]:
        if self._mix.store == "folder":
            root = Path(self._location)
            return [str(path.relative_to(root)) for path in root.glob("scans/*/*.json")]
        prefix = self._location.removeprefix(f"s3://{BUCKET}/") + "/"
        pages = self._places.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [found["Key"].removeprefix(prefix) for page in pages for found in page.get("Contents", ())]


@contextmanager
def _killing(life: Life | WholeLife, kill: Kill | None, wire: Proxy, s3: Proxy) -> Iterator[list[bool]]:
    """End the run when the moment of its kill comes; what is given is not empty once that was done."""
    sent: list[bool] = []
    if kill is None:
        yield sent
        return
    seen = 0

    def act() -> None:
        sent.append(True)
        life.terminate() if kill.by == "SIGTERM" else life.kill()

    def watch(_request: object, moment: str) -> None:
        nonlocal seen
        seen += moment == kill.moment
        if seen == kill.number and moment == kill.moment and not sent:
            act()

    timer = threading.Timer(kill.number / 1000, act)
    proxy = {"request": wire, "put": s3}.get(kill.at)
    if proxy is not None:
        proxy.watcher = watch
    elif kill.at == "time":
        timer.start()
    try:
        yield sent
    finally:
        wire.watcher = s3.watcher = lambda _request, _moment: None
        timer.cancel()
