"""Generates the patches of a node: a catalogue that all nodes of one image share, and rows of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from random import Random

from msgspec import UNSET, Struct, structs

from scanner.simulator.generate import deb, rpm, windows
from scanner.simulator.generate.calendar import IMAGE_AS_OF_S, held_updates, installed_time, release_of
from scanner.simulator.generate.packages import DAY_S, UNKNOWN_TIME_S, YEAR_ONE_S, Package, PatchRow
from scanner.simulator.generate.platforms import PLATFORMS, Platform
from scanner.simulator.world.organization import Node

IMAGES_A_PLATFORM = 8
_SIZES = (0.9, 0.95, 1.0, 1.05, 1.1)
_CATALOGUES: dict[str, Callable[[Platform, int, Random], list[Package]]] = {
    "rpm": rpm.catalogue,
    "deb": deb.catalogue,
    "windows": windows.catalogue,
}
_UPDATES: dict[str, Callable[[Platform], list[Package]]] = {
    "rpm": rpm.updates,
    "deb": deb.updates,
    "windows": windows.updates,
}
_INSTALLED_SHARE = {"rpm": 0.12, "deb": 0.16, "windows": 0.03}
_OTHER_SHARE = {"rpm": 0.88, "deb": 0.84, "windows": 0.08}
_OWN_STATES = (
    "Failed",
    "Missing",
    "InstalledPendingReboot",
    "InstalledRejected",
    "AvailableSecurityUpdate",
    "Installed",
)
_WITH_CVES = frozenset({"Missing", "Failed"})


class NodePatches(Struct, frozen=True):
    """A node's rows in the order of their listing, the rows of each state, and its counts of compliance."""

    rows: list[PatchRow]
    by_state: dict[str, int]
    critical: int
    security: int
    other: int


class _Image(Struct, frozen=True):
    """What all nodes of one machine image have in common; `spare` is installed later, node by node."""

    installed: list[PatchRow]
    other: list[PatchRow]
    not_applicable: list[PatchRow]
    by_state: Counter[str]
    spare: list[Package]


_NOTHING = NodePatches([], {}, 0, 0, 0)


def patches_of(node: Node, generation: int, as_of_s: int, *, supersessions: int = 0) -> NodePatches:
    """Returns what the node lists after its `generation`-th patching operation; from the second on they install.

    `supersessions` counts how often since then newer updates took the place of the missing ones, one for one.
    """
    if node.is_empty:
        return _NOTHING
    names_cves = node.windows_cve_ids or PLATFORMS[node.platform].family != "windows"
    if node.days is not None and not generation:
        return _patches_of_day(node, names_cves)
    return _patches(node.platform, node.seed, node.rows, generation, as_of_s, names_cves, supersessions)


@lru_cache(maxsize=2048)
def _patches(
    platform_key: str,
    seed: int,
    rows_wanted: int,
    generation: int,
    as_of_s: int,
    names_cves: bool,  # noqa: FBT001 - keywords would make the cache slower
    supersessions: int,
) -> NodePatches:
    platform = PLATFORMS[platform_key]
    image = _image(platform_key, seed % IMAGES_A_PLATFORM, rows_wanted, as_of_s)
    rng = Random(f"{seed}:{generation}")
    own = _own_rows(platform, image, rng, as_of_s, rows_wanted, installs=generation > 0)
    own["Missing"] = [superseded(row, platform.family, supersessions) for row in own["Missing"]]
    return _listed(image, own, names_cves=names_cves)


@lru_cache(maxsize=2048)
def _patches_of_day(node: Node, names_cves: bool) -> NodePatches:  # noqa: FBT001 - keywords would make the cache slower
    """Returns what the node lists on the day of its last patching operation."""
    assert node.days is not None
    platform = PLATFORMS[node.platform]
    image = _image(node.platform, node.seed % IMAGES_A_PLATFORM, node.rows, IMAGE_AS_OF_S)
    own: dict[str, list[PatchRow]] = {state: [] for state in _OWN_STATES}
    for held in held_updates(node, _updates(node.platform), node.days.operated, node.days.launched):
        package = release_of(held.package, platform.family, held.version)
        row = _row(platform, package, held.state, Random(f"{node.seed}:{package.title}"), IMAGE_AS_OF_S)
        own[held.state].append(structs.replace(row, installed_time=installed_time(held, platform.family)))
    return _listed(image, own, names_cves=names_cves)


def _listed(image: _Image, own: Mapping[str, list[PatchRow]], *, names_cves: bool) -> NodePatches:
    """Returns the rows of an image and of a node itself in the order of their listing, and counts them."""
    by_state = image.by_state + Counter(row.state for rows in own.values() for row in rows)
    lacking = [row for state in ("Missing", "Failed", "InstalledRejected") for row in own[state]]
    rows = [
        *own["Installed"],
        *image.installed,
        *image.other,
        *own["InstalledRejected"],
        *own["InstalledPendingReboot"],
        *image.not_applicable,
        *own["Missing"],
        *own["Failed"],
        *own["AvailableSecurityUpdate"],
    ]
    critical = sum(row.severity == "Critical" for row in lacking)
    security = sum(row.classification.startswith("Security") for row in lacking)
    other = sum(row.severity != "Critical" and not row.classification.startswith("Security") for row in lacking)
    return NodePatches(rows if names_cves else _without_cve_ids(rows), by_state, critical, security, other)


def superseded(row: PatchRow, family: str, times: int) -> PatchRow:
    """Returns the missing update that took the row's place: the next KB on Windows, else the package's next version."""
    if not times:
        return row
    if family != "windows":
        return structs.replace(row, title=f"{row.title}.{times}")
    kb_id = f"KB{int(row.kb_id.removeprefix('KB')) + 1_000_000 * times}"
    return structs.replace(row, kb_id=kb_id, title=row.title.replace(row.kb_id, kb_id))


def _without_cve_ids(rows: list[PatchRow]) -> list[PatchRow]:
    return [structs.replace(row, cve_ids=UNSET) if row.cve_ids else row for row in rows]


def _own_rows(
    platform: Platform, image: _Image, rng: Random, as_of_s: int, rows: int, *, installs: bool
) -> dict[str, list[PatchRow]]:
    updates = list(_updates(platform.key))
    rng.shuffle(updates)
    well_kept = rng.random() < 0.35
    lacking = 0 if well_kept else rng.randint(1, max(1, min(len(updates) - 6, rows // 12)))
    failed = lacking if installs else int(lacking and rng.random() < 0.1)
    wanted = {
        "Failed": failed,
        "Missing": lacking - failed,
        "InstalledPendingReboot": rng.choice((0, 0, 0, 1, 2)) + installs,
        "InstalledRejected": int(rng.random() < 0.04),
        "AvailableSecurityUpdate": int(platform.family == "windows" and rng.random() < 0.3),
    }
    own = {}
    for state, count in wanted.items():
        own[state] = [_row(platform, updates.pop(), state, rng, as_of_s) for _ in range(count)]
    fresh = rng.sample(image.spare, min(len(image.spare), rng.randint(1, 5)))
    own["Installed"] = [_row(platform, package, "Installed", rng, as_of_s) for package in fresh]
    return own


@lru_cache(maxsize=64)
def _updates(platform_key: str) -> tuple[Package, ...]:
    platform = PLATFORMS[platform_key]
    return tuple(_UPDATES[platform.family](platform))


@lru_cache(maxsize=512)
def _image(platform_key: str, variant: int, rows_wanted: int, as_of_s: int) -> _Image:
    platform = PLATFORMS[platform_key]
    rows = max(1, round(rows_wanted * _SIZES[variant % len(_SIZES)]))
    rng = Random(f"image:{platform_key}:{variant}:{rows}")
    spares = 4 + rows // 20
    catalogue = _CATALOGUES[platform.family](platform, rows + spares, rng)
    packages, spare = catalogue[:rows], catalogue[rows:]
    installed = max(1, round(rows * _INSTALLED_SHARE[platform.family]))
    other = round(rows * _OTHER_SHARE[platform.family])
    states = ["Installed"] * installed + ["InstalledOther"] * other
    states += ["NotApplicable"] * (rows - len(states)) if platform.family == "windows" else []
    made = [_row(platform, package, state, rng, as_of_s) for package, state in zip(packages, states, strict=False)]
    by_state: dict[str, list[PatchRow]] = {"Installed": [], "InstalledOther": [], "NotApplicable": []}
    for row in made:
        by_state[row.state].append(row)
    counts = Counter({state: len(rows) for state, rows in by_state.items() if rows})
    return _Image(by_state["Installed"], by_state["InstalledOther"], by_state["NotApplicable"], counts, spare)


def _row(platform: Platform, package: Package, state: str, rng: Random, as_of_s: int) -> PatchRow:
    """Returns a package in a state, without what the service leaves out for that state and platform."""
    terse = state in ("InstalledOther", "NotApplicable")
    no_title = terse and platform.family == "windows"
    row = PatchRow(
        title="" if no_title else package.title,
        kb_id=package.kb_id,
        classification="" if terse else package.classification,
        severity="" if terse else package.severity,
        state=state,
        installed_time=_installed_time(platform, state, rng, as_of_s),
    )
    if not package.cve_ids or state not in _WITH_CVES:
        return row
    cve_ids = list(package.cve_ids)
    rng.shuffle(cve_ids)
    return PatchRow(
        row.title, row.kb_id, row.classification, row.severity, state, row.installed_time, ",".join(cve_ids)
    )


def _installed_time(platform: Platform, state: str, rng: Random, as_of_s: int) -> float:
    if not state.startswith("Installed"):
        return UNKNOWN_TIME_S
    age_s = rng.randrange(DAY_S, 500 * DAY_S)
    if platform.family != "windows":
        return UNKNOWN_TIME_S if rng.random() < 0.01 else float(as_of_s - age_s)
    if state == "InstalledOther" and rng.random() < 0.5:
        return YEAR_ONE_S
    return float((as_of_s - age_s) // DAY_S * DAY_S)
