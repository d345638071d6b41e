"""Runs every command that reads a store, many at once: none may end by a signal, whatever its threads are doing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import anyio

from scanner.simulator.generate.build import make_world
from tests.faults.chaos.campaign import COMPLAINTS
from tests.faults.chaos.findings import Findings
from tests.faults.worlds import organization, scan, settings_for

WORLD = make_world(accounts=2, regions=2, nodes=80, rows=120)
CVE = "CVE-2024-38063"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("query", "SELECT state, count(*), max(title) FROM patches GROUP BY ALL", "--format", "csv"),
    ("cve", CVE),
    ("diff",),
    ("report", "--output", "{folder}/report-{number}.html"),
    ("scans", "verify"),
    ("publish", "--sink", "jsonl:{folder}/sink-{number}"),
)
RIGHT_CODES = {"cve": {0, 3}, "diff": {0, 3}}
"""Of commands that may not be able to tell of every node; 0 of all others."""
ENDS_WITHIN_S = 120.0


def store_in(folder: Path) -> Path:
    """A store with two committed scans, the second of a world in which some nodes were patched meanwhile."""
    store = folder / "store"
    with organization(WORLD) as simulator:
        anyio.run(scan, settings_for(store, WORLD))
        for key in list(simulator.truth().nodes)[::3]:
            simulator.patch_node(*key)
        anyio.run(scan, settings_for(store, WORLD))
    return store


def run_rounds(rounds: int, store: Path, folder: Path) -> tuple[Findings, Counter[str]]:
    """Run all commands at once, so many times; gives what was wrong and how often each ran."""
    findings, ran = Findings(), Counter[str]()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "PATCHSWEEP_STORE": str(store)}
    for number in range(rounds):
        processes = [(words, _start(words, environment, folder, number)) for words in COMMANDS]
        for words, process in processes:
            _, said = process.communicate(timeout=ENDS_WITHIN_S)
            ran[words[0]] += 1
            what = f"{' '.join(words)} ended with {process.returncode}: {said[-1_000:]}"
            if process.returncode < 0:
                findings.add("signals", [what])
            elif process.returncode not in RIGHT_CODES.get(words[0], {0}):
                findings.add("wrong exit codes", [what])
            if any(word in said for word in COMPLAINTS):
                findings.add("tracebacks", [what])
    return findings, ran


def _start(words: tuple[str, ...], environment: dict[str, str], folder: Path, number: int) -> subprocess.Popen[str]:
    command = [word.format(folder=folder, number=number) for word in words]
    return subprocess.Popen(
        [sys.executable, "-m", "scanner", *command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
