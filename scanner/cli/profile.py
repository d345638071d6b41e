"""`--profile FILE`: where the time of a scan went, in a file that can be sent along with a report."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from contextlib import contextmanager
from cProfile import Profile

from scanner.cli.atomic_file import check_file, write_file


@contextmanager
def profiled(path: str | None) -> Iterator[None]:
    """Profiles the main thread while the block runs, and writes what `pstats` and its viewers read, however it ends.

    It holds names of functions and files and their times, nothing of what was read.

    Raises:
        ConfigError: the file has no folder to go to.
        PatchsweepError: the file cannot be written.
    """
    if path is None:
        yield
        return
    check_file(path, "profile")
    profile = Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        profile.snapshot_stats()
        write_file(path, marshal.dumps(profile.stats), "profile")
