"""Many seeds one after the other, and a summary of all; or one seed again, in full."""

from __future__ import annotations

import argparse
import logging
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import boto3
import msgspec
from msgspec import structs

from tests.faults.chaos.campaign import BUCKET, Places, Report, run_seed
from tests.faults.chaos.certificates import make_certificate
from tests.faults.chaos.commands import run_rounds, store_in
from tests.faults.chaos.findings import CATEGORIES
from tests.faults.chaos.mix import Mix, mix_of
from tests.moto_server import serving_moto


def _show(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """0 if nothing was found, 1 if anything was; a run that is interrupted sums up what it did."""
    given = _arguments()
    if given.commands:
        return _run_commands(given.commands)
    seeds = [given.seed] if given.seed is not None else range(given.first, given.first + given.seeds)
    total = Total()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), places() as here:
        for seed in seeds:
            mix = without(mix_of(seed, small=given.small), given.without)
            report = run_in_folder(mix, here, keep=given.keep)
            total.add(report)
            print_seed(report, in_full=given.seed is not None)
    _show(total.text())
    return 1 if total.findings else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one seed again, and show its mix")
    parser.add_argument("--seeds", type=int, default=200, metavar="N", help="run so many seeds [200]")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="S", help="the first seed [0]")
    parser.add_argument("--commands", type=int, metavar="N", help="only run the commands that read a store, N times")
    parser.add_argument("--small", action="store_true", help="small worlds, as the gate runs them")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a seed that found something")
    parser.add_argument("--without", action="append", default=[], metavar="KIND", help="leave a kind of wire fault out")
    return parser.parse_args()


def without(mix: Mix, kinds: Sequence[str]) -> Mix:
    """The same mix without these kinds of faults on the wire."""
    kept = {name: chance for name, chance in mix.wire.items() if name not in kinds}
    return structs.replace(mix, wire=kept)


def _run_commands(rounds: int) -> int:
    with tempfile.TemporaryDirectory(prefix="chaos-commands-") as name:
        folder = Path(name)
        findings, ran = run_rounds(rounds, store_in(folder), folder)
    _show(f"{ran.total()} processes ({_listed(ran)})")
    _show(
        "found: "
        + ", ".join(f"{findings.counts[name]} {name}" for name in ("signals", "wrong exit codes", "tracebacks"))
    )
    for examples in findings.examples.values():
        _show("\n".join(examples))
    return 1 if findings.counts else 0


@contextmanager
def places() -> Iterator[Places]:
    """S3 and the certificate, for as many seeds as there are."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        with serving_moto() as url:
            keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "x"}
            client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
            with closing(client):
                client.create_bucket(Bucket=BUCKET)
                yield Places(url, client, make_certificate(folder))
    finally:
        shutil.rmtree(folder)


def run_in_folder(mix: Mix, here: Places, *, keep: bool = False) -> Report:
    """Run a seed in a folder of its own; a fault of the harness is a finding too."""
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{mix.seed}-"))
    try:
        report = run_seed(mix, folder, here)
    except Exception:  # noqa: BLE001 - the other seeds are to be run all the same
        report = Report(mix)
        report.findings.add("errors of the harness", [traceback.format_exc()[-12_000:]])
    if keep and report.findings.counts:
        _show(f"kept {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def print_seed(report: Report, *, in_full: bool) -> None:
    mix, findings = report.mix, report.findings
    if in_full:
        _show(msgspec.json.format(msgspec.json.encode(mix)).decode())
    verdict = ", ".join(f"{count} {name}" for name, count in findings.counts.items()) or "right"
    _show(
        f"seed {mix.seed}: {report.scans} scans, {report.runs} runs, {report.kills.total()} kills, "
        f"{report.wire.total()} wire faults, {findings.compared['rows']} rows: {verdict}",
    )
    if findings.counts:
        for category, examples in findings.examples.items():
            for example in examples if in_full else examples[:1]:
                _show(f"  {category}: {example if in_full else example[-600:]}")
        _show(f"  run it again: {replay_command(report)}")


def replay_command(report: Report) -> str:
    small = " --small" if report.mix.is_small else ""
    return f"python -m tests.faults --seed {report.mix.seed}{small}"


class Total:
    """What all seeds add up to."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()
        self._numbers: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()
        self._kills: Counter[str] = Counter()
        self._wire: Counter[str] = Counter()
        self._simulated: Counter[str] = Counter()
        self._failed: list[int] = []

    def add(self, report: Report) -> None:
        self._numbers.update(seeds=1, scans=report.scans, runs=report.runs, requests=report.requests)
        self._numbers.update(report.findings.compared)
        self.findings.update(report.findings.counts)
        self._kills.update(report.kills)
        self._wire.update(report.wire)
        self._simulated.update(report.simulated)
        if report.findings.counts:
            self._failed.append(report.mix.seed)

    def text(self) -> str:
        """The summary: each kind of finding has to be 0."""
        faults = {"faults on the wire": self._wire, "faults of the simulator": self._simulated, "kills": self._kills}
        return "\n".join(
            [
                f"in {time.monotonic() - self._started_s:.0f} s: "
                + ", ".join(f"{count} {name}" for name, count in self._numbers.items()),
                *(f"{name}: {counts.total()} ({_listed(counts)})" for name, counts in faults.items()),
                "found: " + ", ".join(f"{self.findings[name]} {name}" for name in CATEGORIES),
                f"seeds that failed: {self._failed}",
            ]
        )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common() if count)
