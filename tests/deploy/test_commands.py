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
from scanner.cli.scans_forget import forget as forget_scans
from scanner.cli.settings.keys import CONFIG_VARIABLE, VARIABLES
from scanner.cli.settings.load import load
from scanner.core.settings import Settings
from scanner.reports.metrics.emf import emf_line
from scanner.reports.metrics.values import run_metrics
from tests.deploy.templates import DEPLOY, parameters, resources

#: Parameters that say where and when the task runs, not what it scans.
ABOUT_THE_STACK = {
    *("Image", "SubnetIds", "SecurityGroupIds", "AssignPublicIp", "OrganizationId", "ExternalId", "Schedule"),
    *("ScheduleTimezone", "Cpu", "Memory", "LogRetentionDays", "AlarmEmail", "KmsKeyArn", "KeepDaily"),
    "MaxHoursWithoutScan",
}
[CONTAINER] = resources("hub.yaml")["TaskDefinition"]["Properties"]["ContainerDefinitions"]
SUBSTITUTES = {
    "RoleName": "patchsweep-reader",
    "Bucket": "results",
    "Regions": "enabled",
    "Mode": "lean",
    "KeepDaily": "30",
    "TimeLimitHours": "12",
}


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


#: Options that are no settings.
OF_ONE_RUN = ("as_json", "config", "demo", "resume", "resume_or_start")
COMMANDS = {read.__name__: read() for read in (systemd, cron, ecs, kubernetes, container)}


def parsed(words: list[str]) -> click.Context:
    """The context of the subcommand; click ends with a UsageError where it does not know an option."""
    name, *arguments = words
    group = patchsweep.make_context(name, arguments, resilient_parsing=True)
    subcommand, command, rest = patchsweep.resolve_command(group, arguments)
    return command.make_context(subcommand, rest, parent=group)


def settings(words: list[str]) -> Settings:
    given = {name.replace("__", "."): value for name, value in parsed(words).params.items()}
    return load(None, {}, {name: value for name, value in given.items() if name not in OF_ONE_RUN})


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
    assert ours <= {*VARIABLES, CONFIG_VARIABLE}


def test_every_parameter_of_the_scan_reaches_the_task():
    scan = parameters("hub.yaml").keys() - ABOUT_THE_STACK
    task = json.dumps([CONTAINER["Command"], CONTAINER["Environment"], CONTAINER["EntryPoint"]])
    assert {name for name in scan if not re.search(rf"\b{name}\b", task)} == set()


def test_what_is_not_given_to_the_stack_is_a_setting_that_is_not_given():
    environment = {variable["Name"]: variable["Value"] for variable in CONTAINER["Environment"]}
    defaults = {name: parameter.get("Default", "") for name, parameter in parameters("hub.yaml").items()}
    given = {
        name: str(defaults[value["Ref"]])
        for name, value in environment.items()
        if name.startswith("PATCHSWEEP_") and "Ref" in value
    }
    assert load(None, given, {}) == Settings()


def test_the_task_that_removes_old_scans_is_a_command_that_patchsweep_takes():
    schedule = resources("hub.yaml")["Retention"]["Properties"]["Target"]
    text = re.sub(r"\$\{(\w+)\}", lambda found: SUBSTITUTES[found[1]], schedule["Input"]["Fn::Sub"])
    [override] = json.loads(text)["containerOverrides"]
    scans, forget, *options = override["command"]
    assert override["name"] == CONTAINER["Name"]
    assert (scans, forget) == ("scans", "forget")
    command = forget_scans.make_context("forget", options)
    assert (command.params["keep_daily"], command.params["prune_sinks"]) == (30, True)


def test_a_scan_that_takes_too_long_is_stopped_so_that_it_can_be_resumed():
    [program, *options, _, command] = CONTAINER["EntryPoint"]
    assert (program, command) == ("timeout", "patchsweep")
    # Without it the exit code would be timeout's own; a second signal follows before Fargate's own patience ends.
    assert options == ["--preserve-status", "--kill-after=110s"]


def test_the_alarm_waits_for_the_metric_that_a_scan_gives():
    alarm = resources("hub.yaml")["NoScanAlarm"]["Properties"]
    namespace = next(v["Value"] for v in CONTAINER["Environment"] if v["Name"] == "PATCHSWEEP_METRICS_NAMESPACE")
    line = json.loads(emf_line(run_metrics(0, 0.0, is_committed=True), "n", 0))
    assert "--metrics=emf" in CONTAINER["Command"]
    assert (alarm["Namespace"], line[alarm["MetricName"]]) == (namespace, 1)
    assert (alarm["TreatMissingData"], alarm["Period"]) == ("breaching", 3600)
    assert parameters("hub.yaml")["MaxHoursWithoutScan"]["Default"] == 26
