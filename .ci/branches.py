"""Fails if fewer branches are covered in one of the rooms that hold the promises. Reads coverage's data file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

#: Percent of the branches of each room that the tests have to take.
FLOORS = {"scanner/scan": 95.0, "scanner/store": 95.0, "scanner/aws/requests": 95.0}


def branches(room: str, folder: Path) -> tuple[int, int]:
    """Returns how many branches the room has, and how many of them were taken."""
    report = folder / "report.json"
    command = ["coverage", "json", "--quiet", "--fail-under=0", f"--include=*/{room}/*", "-o", str(report)]
    subprocess.run(command, check=True)
    totals = json.loads(report.read_text())["totals"]
    return totals["num_branches"], totals["covered_branches"]


def main() -> int:
    """Prints a line a room, and returns 1 if one is below its floor."""
    missed = 0
    with TemporaryDirectory() as folder:
        for room, floor in FLOORS.items():
            total, taken = branches(room, Path(folder))
            percent = 100 * taken / total
            missed += percent < floor
            print(f"{room}: {percent:.1f} % of {total} branches, at least {floor:g} %")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
