"""Servers and clients as processes of their own, each on its core, measured by the kernel."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryFile, mkdtemp
from typing import IO

from tests.benchmarks.answers import SESSION_TOKEN
from tests.certificates import Authority

CLIENT_CORE = 0
SERVER_CORE = 1
_MOST_BYTES = 65_536
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Usage:
    """What a process took from start to end."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    stdout: str  # the end of it


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes started inside run on this core where there are two; a child inherits the core of its parent."""
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        os.sched_setaffinity(0, {sorted(before)[core % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measured(arguments: Sequence[str], environment: Mapping[str, str], accepted: Sequence[int] = (0,)) -> Usage:
    """Run a client on its core to its end.

    Raises:
        RuntimeError: it ended otherwise than with one of the `accepted` codes; with what it said.
    """
    # Files, since a pipe that nobody reads fills up and stops its writer.
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        with on_core(CLIENT_CORE):
            process = subprocess.Popen(arguments, env=environment, cwd=ROOT, stdout=stdout, stderr=stderr)
        started = time.perf_counter()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out, err = _text(stdout), _text(stderr)
    if process.returncode not in accepted:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}: {err[-2000:]}")
    return Usage(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss / 1024, out)


def _text(file: IO[bytes]) -> str:
    """The end of what was written: the peak of the next child would count the gigabyte of a long answer here."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_BYTES))
    return file.read().decode(errors="replace")


@dataclass(frozen=True)
class Server:
    """A running fast server."""

    url: str
    ca_bundle: str | None
    pid: int

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a client that takes it for AWS and reads no other AWS setting."""
        dropped = ("AWS_", "PATCHSWEEP_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        return {
            **kept,
            **bytecode(),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIABENCHMARK0000000",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": SESSION_TOKEN,
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            **({"AWS_CA_BUNDLE": self.ca_bundle} if self.ca_bundle else {}),
            **more,
        }

    def cpu_s(self) -> float:
        """What it took of the CPU so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stats(self) -> dict[str, dict[str, list[tuple[float, bool]]]]:
        """What it counted: `counts` by operation, `answers` (seconds, let through) by operation."""
        with urllib.request.urlopen(f"{self.url}/stats") as answer:
            return json.load(answer)


@contextmanager
def serving(
    nodes_by_region: Mapping[str, int],
    *,
    tls: bool = False,
    unlike: bool = False,
    latency_s: float = 0.0,
    rates: Sequence[tuple[float, float]] = (),
    burst: float = 40.0,
) -> Iterator[Server]:
    """A fast server on its core while the block runs; if its nodes are `unlike`, no two list the same page."""
    arguments = ["--nodes", json.dumps(nodes_by_region), "--latency", str(latency_s)]
    arguments += ["--rates", json.dumps(list(rates)), "--burst", str(burst)]
    if unlike:
        arguments.append("--unlike")
    if tls:
        arguments += ["--certificate", certificate()[1]]
    with on_core(SERVER_CORE):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.fast_server", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
    with process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            scheme, bundle = ("https", certificate()[0]) if tls else ("http", None)
            yield Server(f"{scheme}://127.0.0.1:{port}", bundle, process.pid)
        finally:
            process.terminate()


@cache
def bytecode() -> Mapping[str, str]:
    """Returns the variables under which clients start from bytecode, as an installation does.

    Where Python may not write it, every start compiles 1,300 modules, which takes 1 s of CPU and 20 MB.
    """
    if not sys.dont_write_bytecode:
        return {}
    folder = mkdtemp(prefix="patchsweep-bytecode-")
    atexit.register(rmtree, folder)
    written = {"PYTHONPYCACHEPREFIX": folder}
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    imported = "import aioboto3, scanner.app.scan, scanner.cli.announce, scanner.cli.scan, scanner.cli.scan_output"
    subprocess.run([sys.executable, "-c", imported], env=kept | written, cwd=ROOT, check=True)
    return written


@cache
def certificate() -> tuple[str, str]:
    """Returns the files of an authority to trust and of a server on 127.0.0.1 that it vouches for."""
    folder = Path(mkdtemp(prefix="patchsweep-benchmark-"))
    atexit.register(rmtree, folder)
    authority = Authority(folder)
    return str(authority.bundle), str(authority.server_file("127.0.0.1"))
