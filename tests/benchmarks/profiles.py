"""The simulated data: 64 kinds of nodes, half Windows and half Linux, each with its patches and patch state."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass

PROFILES = 64
PAGE_ROWS = 50
SEED = 20_261_123
ROWS_LINUX = (206, 458)
ROWS_WINDOWS = (66, 298)

COUNTS = {
    "Installed": "InstalledCount",
    "InstalledOther": "InstalledOtherCount",
    "InstalledPendingReboot": "InstalledPendingRebootCount",
    "InstalledRejected": "InstalledRejectedCount",
    "Missing": "MissingCount",
    "Failed": "FailedCount",
}
_WEIGHTS = {"Installed": 70, "InstalledOther": 18, "Missing": 8, "InstalledPendingReboot": 2, "Failed": 2}
_CLASSES = {"Linux": ("Security", "Bugfix", "Enhancement"), "Windows": ("SecurityUpdates", "UpdateRollups", "Updates")}
_SEVERITIES = ("Critical", "Important", "Medium", "Low", "Unspecified")


@dataclass(frozen=True)
class Profile:
    """What every node of this kind answers: its rows as AWS JSON objects, and its patch state without the id."""

    platform: str
    rows: tuple[dict[str, object], ...]
    state: dict[str, object]

    def pages(self) -> list[tuple[dict[str, object], ...]]:
        """The rows, fifty a page."""
        return [self.rows[start : start + PAGE_ROWS] for start in range(0, len(self.rows), PAGE_ROWS)]


def make_profiles() -> list[Profile]:
    """The same 64 profiles every time."""
    chance = random.Random(SEED)
    return [_profile(chance, "Windows" if number % 2 else "Linux") for number in range(PROFILES)]


def rows_of_nodes(profiles: list[Profile], nodes: int) -> int:
    """The rows of the nodes 0, 1, … `nodes` - 1, which take the profiles in turn."""
    whole, rest = divmod(nodes, len(profiles))
    return whole * sum(len(p.rows) for p in profiles) + sum(len(p.rows) for p in profiles[:rest])


def pages_of_nodes(profiles: list[Profile], nodes: int) -> int:
    """Their pages, counted the same way."""
    whole, rest = divmod(nodes, len(profiles))
    return whole * sum(len(p.pages()) for p in profiles) + sum(len(p.pages()) for p in profiles[:rest])


def _profile(chance: random.Random, platform: str) -> Profile:
    rows = tuple(
        _row(chance, platform, number)
        for number in range(chance.randint(*(ROWS_LINUX if platform == "Linux" else ROWS_WINDOWS)))
    )
    found = Counter(str(row["State"]) for row in rows)
    state = {
        "PatchGroup": f"group-{chance.randrange(8)}",
        "BaselineId": f"pb-{chance.randrange(16**17):017x}",
        "SnapshotId": f"{chance.randrange(16**32):032x}",
        "Operation": "Scan",
        "OperationStartTime": 1_795_000_000.0,
        "OperationEndTime": 1_795_000_060.5,
        **{count: found[name] for name, count in COUNTS.items()},
        "NotApplicableCount": chance.randrange(900),
    }
    return Profile(platform, rows, state)


def _row(chance: random.Random, platform: str, number: int) -> dict[str, object]:
    state = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    row: dict[str, object] = {
        "Classification": chance.choice(_CLASSES[platform]),
        "InstalledTime": float(1_600_000_000 + chance.randrange(190_000) * 1000) if state.startswith("Inst") else 0.0,
        "KBId": _kb_id(chance, platform, number),
        "Severity": chance.choice(_SEVERITIES),
        "State": state,
        "Title": _title(chance, platform, number),
    }
    if chance.random() < 0.3:
        row["CVEIds"] = ",".join(f"CVE-2026-{chance.randrange(1000, 60_000)}" for _ in range(chance.randint(1, 3)))
    return row


def _kb_id(chance: random.Random, platform: str, number: int) -> str:
    return f"KB{chance.randrange(4_000_000, 5_999_999)}" if platform == "Windows" else f"lib-package-{number:03}.x86_64"


def _title(chance: random.Random, platform: str, number: int) -> str:
    version = f"{chance.randrange(20)}.{chance.randrange(40)}.{chance.randrange(900)}"
    if platform == "Windows":
        system = "Microsoft Windows Server 2022 (21H2) for x64-based Systems"
        return f"2026-{chance.randint(1, 11):02} Cumulative Security Update for {system} {version}"
    name = f"lib-package-{number:03}-with-the-long-name-of-a-module.x86_64"
    return f"{name}:0:{version}-{chance.randrange(90)}.amzn2023.0.{chance.randrange(9)}"


def json_bytes(value: object) -> bytes:
    """As the service writes it."""
    return json.dumps(value, separators=(",", ":")).encode()
