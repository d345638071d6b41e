"""Every command line in the deployment files is one that patchsweep takes."""

from __future__ import annotations

import configparser
import json
import re
import shlex

import click
import pytest
import yaml

from scanner.cli.commands import patchsweep
from scanner.cli.settings.keys import CONFIG_VARIABLE, VARIABLES
from scanner.cli.settings.load import load
from scanner.core.settings import Settings
from tests.deploy.templates import DEPLOY, resources

[CONTAINER] = resources("hub.yaml")["TaskDefinition"]["Properties"]["ContainerDefinitions"]
SUBSTITUTES = {"RoleName": "patchsweep-reader", "Bucket": "results"}


def systemd() -> list[str]:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read(DEPLOY / "systemd" / "patchsweep.service")
    return shlex.split(unit["Service"]["ExecStart"])


def cron() -> list[str]:
    line = re.search(r"^\d.+$", (DEPLOY / "cron" / "patchsweep.cron").read_text(), re.MULTILINE)
    words = shlex.split(line[0])
    start = words.index("patchsweep", words.index("flock"))
    return words[start : next(index for index, word in enumerate(words) if word.startswith(">"))]


def ecs() -> list[str]:
    plain = [word if isinstance(word, str) else word["Fn::Sub"] for word in CONTAINER["Command"]]
    return ["patchsweep", *(re.sub(r"\$\{(\w+)\}", lambda found: SUBSTITUTES[found[1]], word) for word in plain)]


def kubernetes() -> list[str]:
    pod = yaml.safe_load((DEPLOY / "kubernetes" / "cronjob.yaml").read_text())["spec"]["jobTemplate"]["spec"]
    return ["patchsweep", *pod["template"]["spec"]["containers"][0]["args"]]


def container() -> list[str]:
    line = re.search(
        r"^# +docker run .+ (patchsweep .+)$", (DEPLOY / "container" / "Dockerfile").read_text(), re.MULTILINE
    )
    return shlex.split(line[1])


def image() -> list[str]:
    """What the container runs where nobody names a command."""
    dockerfile = (DEPLOY / "container" / "Dockerfile").read_text()
    words = re.findall(r"^(?:ENTRYPOINT|CMD) (.+)$", dockerfile, re.MULTILINE)
    return [word for line in words for word in json.loads(line)]


COMMANDS = {read.__name__: read() for read in (systemd, cron, ecs, kubernetes, container)}


def parsed(words: list[str]) -> click.Context:
    """The context of the subcommand; click ends with a UsageError where it does not know an option."""
    name, *arguments = words
    group = patchsweep.make_context(name, arguments, resilient_parsing=True)
    subcommand, command, rest = patchsweep.resolve_command(group, arguments)
    return command.make_context(subcommand, rest, parent=group)


def settings(words: list[str]) -> Settings:
    given = {name.replace("__", "."): value for name, value in parsed(words).params.items()}
    own = {name: value for name, value in given.items() if name not in ("config", "demo", "resume", "resume_or_start")}
    return load(None, {}, own)


@pytest.mark.parametrize("place", [*(place for place in COMMANDS if place != "container"), "image"])
def test_a_killed_run_is_continued_by_the_same_command_line(place):
    assert parsed((COMMANDS | {"image": image()})[place]).params["resume_or_start"]


@pytest.mark.parametrize("place", COMMANDS)
def test_the_command_line_is_one_that_patchsweep_takes(place):
    assert parsed(COMMANDS[place]).info_name == "scan"
    settings(COMMANDS[place])


def test_an_option_that_is_none_would_be_found():
    with pytest.raises(click.NoSuchOption):
        parsed(["patchsweep", "scan", "--everything"])


def test_the_fargate_task_scans_the_organization_with_the_role_of_the_stack_set():
    scope = settings(COMMANDS["ecs"]).scope
    assert (scope.accounts, scope.regions) == (("organization",), ("enabled",))
    member_role = resources("member-role.yaml")["MemberRole"]["Properties"]
    assert (scope.role_name, member_role["RoleName"]) == (SUBSTITUTES["RoleName"], {"Ref": "RoleName"})


def test_the_fargate_task_sets_variables_that_patchsweep_reads():
    secrets = CONTAINER["Secrets"]["Fn::If"][1]
    names = {variable["Name"] for variable in [*CONTAINER["Environment"], *secrets]}
    ours = {name for name in names if name.startswith("PATCHSWEEP_")}
    assert ours == {"PATCHSWEEP_EXTERNAL_ID"}
    assert ours <= {*VARIABLES, CONFIG_VARIABLE}
