"""Derives how many requests may be under way at once where no setting says it."""

from __future__ import annotations

import resource
from math import ceil

from scanner.core.settings import LimitSettings

#: The latency up to which the bound leaves every open target its full rate; answers of AWS take about 0.1 s.
LATENCY_S = 0.25
#: Files that are open besides connections: segments, logs, libraries, the databases of sinks.
OTHER_FILES = 128
_ENOUGH_FILES = 8_192


def max_in_flight(limits: LimitSettings) -> int:
    """Returns the bound on requests under way: the setting, or what the open targets send in `LATENCY_S`."""
    return limits.max_in_flight or derived_in_flight(limits, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def derived_in_flight(limits: LimitSettings, open_files: int) -> int:
    """Returns the bound for a process that may have `open_files` files open; a negative number means no limit.

    Half of the files are left to connections that wait for their next request. Nothing is gained by more requests than
    nodes are read side by side, and with a single target all of these are wanted.
    """
    by_rate = limits.max_open_targets * min(ceil(limits.max_rate_per_s * LATENCY_S), limits.max_nodes_per_target)
    wanted = max(by_rate, limits.max_nodes_per_target)
    return wanted if open_files < 0 else min(wanted, max((open_files - OTHER_FILES) // 2, 1))


def raise_open_files_limit() -> None:
    """Lets this process open as many files as the system permits it, up to a number that is enough for every scan.

    The usual limit of 1,024 is there for programs that use `select`, which nothing here does.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
