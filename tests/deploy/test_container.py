"""The container file is sound, and its build is given all that it copies and no more."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deploy.templates import DEPLOY

HADOLINT = Path(sys.executable).with_name("hadolint")
DOCKERFILE = DEPLOY / "container" / "Dockerfile"
IGNORED = DEPLOY / "container" / "Dockerfile.dockerignore"


def lint(dockerfile: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HADOLINT, "--no-color", dockerfile], capture_output=True, text=True, check=False)


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", DOCKERFILE.read_text(), re.MULTILINE)


def test_the_linter_finds_nothing_in_the_container_file():
    found = lint(DOCKERFILE)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_the_linter_would_find_a_shell_where_the_exec_form_belongs(tmp_path):
    broken = tmp_path / "Dockerfile"
    broken.write_text(DOCKERFILE.read_text().replace('ENTRYPOINT ["patchsweep"]', "ENTRYPOINT patchsweep"))
    found = lint(broken)
    assert found.returncode != 0
    assert "DL3025" in found.stdout


def test_patchsweep_is_the_process_that_gets_the_signals():
    assert [json.loads(value) for value in instructions("ENTRYPOINT")] == [["patchsweep"]]


def test_the_user_is_a_number_other_than_root():
    [user] = instructions("USER")
    assert all(int(part) > 0 for part in user.split(":"))


def test_the_build_is_given_what_it_copies_and_nothing_else():
    copied = {name for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]}
    given = {line[1:] for line in IGNORED.read_text().splitlines() if line.startswith("!")}
    assert given == copied
    # The code may be installed elsewhere: the gate runs these tests against the wheel.
    assert all((DEPLOY.parent / name).exists() for name in copied - {"scanner"})
    assert "scanner" in copied
    assert "*" in IGNORED.read_text().splitlines()


def test_a_release_builds_on_an_image_by_its_digest_and_ships_a_bill_of_materials():
    steps = yaml.safe_load((DEPLOY.parent / ".github/workflows/release.yml").read_text())["jobs"]["image"]["steps"]
    commands = "\n".join(step.get("run", "") for step in steps)
    assert 'echo "pinned=$BASE@$digest"' in commands
    assert '--build-arg BASE="$PINNED"' in commands
    assert "--sbom=true --provenance=mode=max" in commands
    assert set(instructions("FROM")) == {"${BASE} AS build", "${BASE}"}


@pytest.mark.parametrize(
    "workflow", sorted((DEPLOY.parent / ".github/workflows").glob("*.yml")), ids=lambda path: path.name
)
def test_the_workflows_use_other_actions_by_commit_only(workflow):
    used = re.findall(r"uses: (\S+)", workflow.read_text())
    assert used
    assert [action for action in used if not re.fullmatch(r"\./.+|[\w./-]+@[0-9a-f]{40}", action)] == []
