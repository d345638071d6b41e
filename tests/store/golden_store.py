"""Copies of the stores that released versions wrote, and what those versions read from them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from msgspec import Struct

from scanner.simulator.generate.build import make_world

FOLDER = Path(__file__).parent / "golden" / "130ce8a"
COMPLETE = "20261125T174851Z-c4744b"
PARTIAL = "20261125T174853Z-866bf9"
DELTA = "20261125T174855Z-9fd38f"
UNFINISHED = "20261125T174857Z-e7a618"
COMMITTED = (COMPLETE, PARTIAL, DELTA)
EXTERNAL_ID = "golden/130ce8a"


class Golden(Struct, frozen=True):
    """A copy of the golden store; `expected` are the rows of each table over all committed scans."""

    folder: Path
    expected: dict[str, list[dict]]


def golden_copy(folder: Path) -> Golden:
    """Returns a copy of the golden store in a new folder, whose files the test may change."""
    shutil.copytree(FOLDER / "store", folder)
    return Golden(folder, json.loads((FOLDER / "expected.json").read_text()))


def golden_world():
    """Returns the organization that the golden store was written from, as the simulator of today generates it."""
    return make_world(accounts=2, regions=2, nodes=10, rows=7, external_id=EXTERNAL_ID)
