"""What a node of a world with days lacks and has installed on a day: fixes are released, wait, and are installed.

Everything follows from the day, so that a scan of a day can be repeated and two days can be compared.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random

from msgspec import Struct, structs

from scanner.simulator.generate.packages import DAY_S, UNKNOWN_TIME_S, Package
from scanner.simulator.world.organization import Node

FIRST_DAY = 20_089  # 2025-01-01, in days since 1970: before it no version of an update was released
#: Where installed packages of a machine image get their dates from: they do not move with the days.
IMAGE_AS_OF_S = FIRST_DAY * DAY_S
_NEVER_PATCHED = 0.1  # share of nodes without a maintenance window
_FAILS = 0.05  # share of installations that fail and are tried again in the next window
_HAS_PACKAGE = 0.55  # share of the updates that concern a node
_NEEDS_REBOOT = ("kernel", "linux-image", "glibc", "libc6", "systemd", "Cumulative Update")
_DAYS_TO_REBOOT = 2
_KNOWN_EVERY = 3  # releases: one of so many fixes vulnerabilities that are known by their real ids


class Held(Struct, frozen=True):
    """An update on a node: its newest version where that is lacking, else the version that is installed, and when."""

    package: Package
    version: int
    state: str
    installed_s: float | None = None


class _Window(Struct, frozen=True):
    """When a node is patched: every so many days, with what was approved by then."""

    every: int
    phase: int
    approval_days: int

    def last(self, day: int) -> int:
        return day - (day + self.phase) % self.every


def held_updates(node: Node, updates: tuple[Package, ...], day: int, born_day: int) -> list[Held]:
    """Returns the updates that concern a node, each as it is on a day; `born_day` is when the node was launched."""
    rng = Random(f"calendar:{node.seed}")
    window = _window(rng)
    concerned = [package for package in updates if rng.random() < _HAS_PACKAGE]
    return [_held(node, package, day, born_day, window) for package in concerned]


def is_window(node: Node, day: int) -> bool:
    """Returns whether the node was patched on this day, rather than scanned."""
    window = _window(Random(f"calendar:{node.seed}"))
    return window is not None and window.last(day) == day


def last_operation(seed: int, day: int, launched: int) -> int:
    """Returns the day of the last scan or installation; nodes are scanned every day, every second or every third."""
    rng = Random(f"scans:{seed}")
    every = rng.choice((1, 1, 1, 2, 3))
    scanned = day - (day + rng.randrange(every)) % every
    window = _window(Random(f"calendar:{seed}"))
    return max(launched, scanned, window.last(day) if window else launched)


def _window(rng: Random) -> _Window | None:
    never, every = rng.random() < _NEVER_PATCHED, rng.choice((7, 7, 14, 28))
    window = _Window(every, rng.randrange(every), rng.choice((0, 0, 3, 7)))
    return None if never else window


def _held(node: Node, package: Package, day: int, born_day: int, window: _Window | None) -> Held:
    newest = _version(package.kb_id, day)
    patched = born_day
    tried = 0
    if window is not None:
        last = worked = window.last(day)
        while _fails(node, package, worked):
            worked -= window.every
        patched = max(born_day, worked - window.approval_days)
        tried = _version(package.kb_id, last - window.approval_days)
    installed = _version(package.kb_id, patched)
    if installed < newest:
        return Held(package, newest, "Failed" if tried == newest else "Missing")
    installed_day = _installed_day(node, package, installed, born_day, window)
    waits = any(word in package.title for word in _NEEDS_REBOOT) and 0 <= day - installed_day < _DAYS_TO_REBOOT
    state = "InstalledPendingReboot" if waits and installed_day > born_day else "Installed"
    return Held(package, installed, state, float(installed_day * DAY_S - 79_200))


def _fails(node: Node, package: Package, day: int) -> bool:
    """Returns whether the window of this day fails to install what is approved of an update."""
    return Random(f"fails:{node.seed}:{package.kb_id}:{day}").random() < _FAILS


def _installed_day(node: Node, package: Package, version: int, born_day: int, window: _Window | None) -> int:
    """Returns the day of the first window that installed the version, or of the launch that brought it."""
    released = _release_day(package.kb_id, version)
    if window is None or released <= born_day:
        return born_day
    day = window.last(released + window.approval_days + window.every - 1)
    while _fails(node, package, day):
        day += window.every
    return day


@lru_cache(maxsize=1024)
def _cycle(kb_id: str) -> tuple[int, int]:
    """Returns how many days lie between two releases of an update, and where in that cycle the first day is."""
    rng = Random(f"releases:{kb_id}")
    every = rng.randrange(20, 90)
    return every, rng.randrange(every)


def _version(kb_id: str, day: int) -> int:
    """Returns the number of the newest version that was released by this day."""
    every, phase = _cycle(kb_id)
    return max(0, (day - FIRST_DAY + phase) // every)


def _release_day(kb_id: str, version: int) -> int:
    every, phase = _cycle(kb_id)
    return FIRST_DAY - phase + version * every


def release_of(package: Package, family: str, version: int) -> Package:
    """Returns the package as this version of it is named, with the vulnerabilities that it fixes."""
    named = package
    if family == "windows":
        kb_id = f"KB{int(package.kb_id.removeprefix('KB')) + 8_000 * version}"
        named = structs.replace(package, kb_id=kb_id, title=package.title.replace(package.kb_id, kb_id))
    elif version:
        named = structs.replace(package, title=f"{package.title}.{version}")
    if not package.cve_ids or version % _KNOWN_EVERY == 0:
        return named
    released = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=_release_day(package.kb_id, version))
    rng = Random(f"cves:{package.kb_id}:{version}")
    ids = tuple(sorted(f"CVE-{released.year}-{rng.randrange(10_000, 70_000)}" for _ in package.cve_ids))
    return structs.replace(named, cve_ids=ids)


def installed_time(held: Held, family: str) -> float:
    """Returns when it was installed as the platform says it: Windows names the day only."""
    if held.installed_s is None:
        return UNKNOWN_TIME_S
    return held.installed_s // DAY_S * DAY_S if family == "windows" else held.installed_s
