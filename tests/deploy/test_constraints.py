"""The constraints pin every package that the project needs, the container's with hashes, and name no address."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from itertools import chain

import grimp
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.templates import DEPLOY

ROOT = DEPLOY.parent
LINES = (ROOT / "constraints.txt").read_text().splitlines()
PINS = {canonicalize_name(pin.name): pin for pin in map(Requirement, LINES) if not pin.marker or pin.marker.evaluate()}
CONTAINER = DEPLOY / "container"
REQUIREMENTS = ("requirements.txt", "build-requirements.txt")


def hashed(name: str) -> dict[str, str]:
    """Returns the version of each package of a requirements file of the container. Every one has to have a hash."""
    entries = re.split(r"\n(?=\S)", (CONTAINER / name).read_text().strip())
    assert all(" --hash=sha256:" in entry for entry in entries)
    return dict(entry.split(" ", 1)[0].split("==") for entry in entries)


def named() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = chain.from_iterable(project["optional-dependencies"].values())
    return [Requirement(line) for line in (*project["dependencies"], *extras)]


def test_each_line_is_one_exact_version():
    assert all(re.fullmatch(r"[a-z0-9.-]+==[0-9][\w.]*( ; .+)?", line) for line in LINES)


def test_what_pyproject_names_is_pinned_to_a_version_that_it_allows():
    pinned = {name: next(iter(pin.specifier)).version for name, pin in PINS.items()}
    wrong = [
        str(need) for need in named() if not need.specifier.contains(pinned.get(canonicalize_name(need.name), "0"))
    ]
    assert wrong == []


def test_what_those_need_in_turn_is_pinned_too():
    wanted = [canonicalize_name(need.name) for need in named()]
    seen = set(wanted)
    for name in wanted:
        needs = (Requirement(line) for line in requires(name) or ())
        plain = {
            canonicalize_name(need.name) for need in needs if not need.marker or need.marker.evaluate({"extra": ""})
        }
        wanted.extend(plain - seen)
        seen |= plain
    assert seen - PINS.keys() == set()


def test_every_package_that_the_code_imports_is_named():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # aiobotocore pins the one botocore that it works with.
    extras = chain.from_iterable(lines for name, lines in project["optional-dependencies"].items() if name != "dev")
    wanted = {Requirement(line).name for line in (*project["dependencies"], *extras)} | {"botocore"}
    imported = grimp.build_graph(
        "scanner", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    ).modules
    origins = packages_distributions()
    used = {
        canonicalize_name(origins[module][0])
        for module in imported
        if not module.startswith("scanner") and module not in sys.stdlib_module_names
    }
    assert used - wanted == set()


def test_no_address_stands_in_it():
    files = [LINES, *((CONTAINER / name).read_text().splitlines() for name in REQUIREMENTS)]
    assert not any("://" in line or line.startswith("-") for line in chain.from_iterable(files))


def test_the_container_installs_the_versions_of_the_constraints():
    pinned = {name: next(iter(pin.specifier)).version for name, pin in PINS.items()}
    assert {name: pinned.get(name, version) for name, version in hashed(REQUIREMENTS[0]).items()} == hashed(
        REQUIREMENTS[0]
    )


def test_the_container_installs_all_that_a_scan_and_its_sinks_need():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [*project["dependencies"], *project["optional-dependencies"]["postgresql"]]
    wanted = {canonicalize_name(Requirement(need).name) for need in needs}
    assert wanted - hashed(REQUIREMENTS[0]).keys() == set()


def test_the_container_builds_with_the_pinned_build_system():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    pinned = hashed(REQUIREMENTS[1])
    assert [need for need in map(Requirement, build) if not need.specifier.contains(pinned[need.name])] == []
