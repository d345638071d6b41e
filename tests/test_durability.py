"""A file is on the disk before it takes its name: after a power cut no name stands for an empty or a cut file."""

from __future__ import annotations

import io
import os
import stat

import anyio
import pytest

from scanner.cli.atomic_file import write_file
from scanner.files.local import LocalFiles
from scanner.sinks.context import SinkContext
from scanner.sinks.folder.csv import csv_sink
from scanner.sinks.folder.jsonl import jsonl_sink
from scanner.sinks.parquet.sink import parquet_sink
from scanner.sinks.testing.samples import awkward_scan
from tests.sinks.publishing import publish

SINKS = {"jsonl": jsonl_sink, "csv": csv_sink, "parquet": parquet_sink}


@pytest.fixture
def steps(monkeypatch):
    """Records each sync as ("sync", inode) and each naming of a file as ("name", its inode, the folder's inode)."""
    taken = []
    sync, replace, rename, link = os.fsync, os.replace, os.rename, os.link

    def recorded_sync(handle):
        taken.append(("sync", os.fstat(handle).st_ino))
        sync(handle)

    def recorded(call):
        def named(source, target, **options):
            status = os.lstat(source)
            call(source, target, **options)
            if stat.S_ISREG(status.st_mode):
                taken.append(("name", status.st_ino, os.stat(os.path.dirname(target)).st_ino))  # noqa: PTH116, PTH120

        return named

    monkeypatch.setattr(os, "fsync", recorded_sync)
    for name, call in (("replace", replace), ("rename", rename), ("link", link)):
        monkeypatch.setattr(os, name, recorded(call))
    return taken


def undurable(steps):
    """Returns the namings whose file was not synced before them or whose folder was not synced after them."""
    namings = [(place, step) for place, step in enumerate(steps) if step[0] == "name"]
    assert namings
    return [
        step
        for place, step in namings
        if ("sync", step[1]) not in steps[:place] or ("sync", step[2]) not in steps[place:]
    ]


def test_a_summary_report_or_profile_is_synced_before_it_takes_its_name_and_its_folder_after(tmp_path, steps):
    write_file(str(tmp_path / "file"), b"data", "summary")

    assert undurable(steps) == []


async def test_a_file_of_a_store_is_synced_before_it_takes_its_name_and_its_folder_after(tmp_path, steps):
    files = LocalFiles(str(tmp_path / "store"))
    await files.put("scans/one/a", b"1")
    version = await files.put_if("scans/one/b", b"1", None)
    assert await files.put_if("scans/one/b", b"2", version)

    assert undurable(steps) == []


@pytest.mark.parametrize("name", SINKS)
def test_a_file_of_a_sink_is_synced_before_it_takes_its_name_and_its_folder_after(tmp_path, steps, name):
    context = SinkContext("s1", LocalFiles, io.BytesIO())
    anyio.run(publish, SINKS[name](str(tmp_path / "out"), context), awkward_scan("s1"))

    assert undurable(steps) == []
