"""Shares the targets of a plan among a number of workers, who all come to the same result alone; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from msgspec import Struct

from scanner.core.errors import ConfigError
from scanner.core.model import Target
from scanner.store.plan_file import PlannedTarget

#: What a target costs besides its rows, in rows: about five requests for its role, nodes and machines, of 50 rows each.
TARGET_ROWS = 250
_SLICE = re.compile(r"(\d{1,18})/(\d{1,18})", re.ASCII)


class Slice(Struct, frozen=True):
    """One of `count` parts of a scan; `index` counts from 0, as AWS Batch and Kubernetes do."""

    index: int = 0
    count: int = 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_slice(text: str) -> Slice:
    """Returns the slice that `I/N` names.

    Raises:
        ConfigError: it is none; the text says what was expected.
    """
    found = _SLICE.fullmatch(text.strip())
    if found is None or not int(found[1]) < int(found[2]):
        raise ConfigError(f"--slice {text!a} is no slice: give I/N with I from 0 to N-1, such as 0/4")
    return Slice(int(found[1]), int(found[2]))


def slice_targets(planned: Sequence[PlannedTarget], part: Slice) -> list[Target]:
    """Returns the targets of one slice, in the order of the plan.

    Each target goes to the slice that has the least to read so far. As the largest come first, no slice has more than
    one target more to read than another.
    """
    # A slice beyond the number of targets never comes to its turn, and `count` is whatever the user gave.
    loads = [(0, index) for index in range(min(part.count, len(planned)))]
    heapify(loads)
    mine = []
    for each in planned:
        load, index = heappop(loads)
        if index == part.index:
            mine.append(each.target)
        heappush(loads, (load + max(each.size, 0) + TARGET_ROWS, index))
    return mine
