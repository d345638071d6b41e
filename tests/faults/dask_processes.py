"""Dask's processes as tests meet them: a cluster of its own, and the workers that a scan starts on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import anyio

PATIENCE_S = 180.0
#: A worker of Dask whose scheduler ends at the same moment may wait for it without end.
ENDS_WITHIN_S = 30.0


def workers_of(pid: int) -> list[int]:
    """The worker processes that a scan has started, by the lines of the system's process table."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if parent == pid and b"spawn_main" in command:
            found.append(int(folder.name))
    return sorted(found)


class RecordingProxy:
    """Passes bytes between a scheduler and all who connect to it, and keeps them."""

    def __init__(self, address: str) -> None:
        host, port = address.removeprefix("tcp://").split(":")
        self._target = (host, int(port))
        self.seen = bytearray()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = "tcp://{}:{}".format(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            other_reader, other_writer = await asyncio.open_connection(*self._target)
            async with anyio.create_task_group() as ways:
                ways.start_soon(self._pass_on, reader, other_writer)
                ways.start_soon(self._pass_on, other_reader, writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                self.seen += data
                writer.write(data)
                await writer.drain()
        writer.close()


class Cluster:
    """A scheduler and its workers, each started by the command that Dask has for it; they end with the block."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen] = []

    async def __aenter__(self) -> Self:
        """Starts the scheduler; `address` is where it listens."""
        self._folder.mkdir(parents=True)
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self._file)
        )
        with anyio.fail_after(PATIENCE_S):
            while not self._file.exists() or not self._file.read_text().strip():  # noqa: ASYNC110 - Dask's file
                await anyio.sleep(0.1)
        self.address = json.loads(self._file.read_text())["address"]
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE_S)

    def start_worker(self, address: str, *, nanny: bool = True) -> subprocess.Popen:
        """Starts a worker of the scheduler at this address; a nanny starts it again unless the nanny is killed."""
        places = ["--host", "127.0.0.1", "--nthreads", "2", "--no-dashboard", "--local-directory", str(self._folder)]
        # Loaded before it joins: where it gives no sign of life while it loads, Dask takes it for lost.
        loaded = ["--preload", "scanner.app.engines.dask_worker"]
        return self._start("worker", address, "--nanny" if nanny else "--no-nanny", *places, *loaded)

    async def wait_for_workers(self, count: int) -> None:
        """Returns when so many workers have joined; a scan gives up after a minute, which a busy machine may need."""
        from distributed import Client  # noqa: PLC0415 - an extra

        async with Client(self.address, asynchronous=True, set_as_default=False, timeout=PATIENCE_S) as client:
            await client.wait_for_workers(count, timeout=PATIENCE_S)

    def _start(self, kind: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options]
        said = self._folder / f"{kind}-{len(self._processes)}.txt"
        with said.open("wb") as output:
            process = subprocess.Popen(command, env={**os.environ, **self._environment}, stdout=output, stderr=output)
        self._processes.append(process)
        return process
