"""Generates updates of Windows Server: ids `KB5066782`, titles in the words of Windows Update."""

from __future__ import annotations

from random import Random

from scanner.simulator.generate import advisories
from scanner.simulator.generate.packages import Package
from scanner.simulator.generate.platforms import Platform

_KINDS = (
    ("Cumulative Update", "SecurityUpdates", "Critical"),
    ("Cumulative Update", "SecurityUpdates", "Important"),
    ("Cumulative Update for .NET Framework 3.5 and 4.8", "SecurityUpdates", "Important"),
    ("Security Monthly Quality Rollup", "SecurityUpdates", "Critical"),
    ("Servicing Stack Update", "SecurityUpdates", "Critical"),
    ("Update Rollup", "UpdateRollups", "Moderate"),
    ("Update", "Updates", "Unspecified"),
    ("Critical Update", "CriticalUpdates", "Low"),
    ("Security Intelligence Update for Microsoft Defender Antivirus", "DefinitionUpdates", "Unspecified"),
)


def catalogue(platform: Platform, count: int, rng: Random) -> list[Package]:
    """Returns `count` updates with distinct KB ids."""
    numbers = rng.sample(range(4_480_000, 5_066_000), count)
    return [_generic(number, platform, rng) for number in numbers]


def updates(platform: Platform) -> list[Package]:
    """Returns the updates that may be missing: those of recent months, with what each fixes."""
    found = []
    for n, (name, severity, cve_ids) in enumerate(advisories.WINDOWS):
        kb_id = f"KB{5_068_900 - n * 731}"
        classification = "SecurityUpdates" if cve_ids else "Updates"
        found.append(Package(kb_id, f"{name} for {platform.release} ({kb_id})", classification, severity, cve_ids))
    return found


def _generic(number: int, platform: Platform, rng: Random) -> Package:
    kind, classification, severity = rng.choice(_KINDS)
    month = f"{rng.randint(2019, 2025)}-{rng.randint(1, 12):02}"
    return Package(f"KB{number}", f"{month} {kind} for {platform.release} (KB{number})", classification, severity)
