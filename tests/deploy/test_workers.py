"""The templates of a scan that several workers read: they are valid, and their three steps commit the whole scan."""

from __future__ import annotations

import copy
import json
import re

import anyio
import kubernetes_validate
import pytest
import yaml

from scanner.cli import main
from scanner.files.local import LocalFiles
from scanner.simulator.generate.build import make_world
from scanner.store.layout import is_scan_id
from scanner.store.store import Store
from tests.deploy.templates import DEPLOY, resources
from tests.deploy.test_commands import parsed
from tests.faults.worlds import assert_is_the_truth, organization, stored

JOBS = yaml.safe_load((DEPLOY / "kubernetes" / "workers.yaml").read_text())["items"]
SCAN_ID = "20261125T221024Z-a1b2c3"
WORKERS = 2
WORLD = make_world(accounts=2, regions=2, nodes=24, rows=30)
SUBSTITUTES = {
    "Partition": "aws",
    "Cluster": "cluster",
    "TaskDefinition": "task",
    "Subnets": 'subnet-1","subnet-2',
    "SecurityGroups": "sg-1",
    "AssignPublicIp": "DISABLED",
    "RoleName": WORLD.role_name,
    "Workers": str(WORKERS),
}


def definition(store: str, tables: str) -> dict:
    """The state machine as AWS gets it."""
    machine = resources("workers.yaml")["Scan"]["Properties"]
    values = {**SUBSTITUTES, "Store": store, "Tables": tables}
    assert values.keys() == machine["DefinitionSubstitutions"].keys()
    return json.loads(re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], machine["DefinitionString"]))


class Interpreter:
    """Runs the states of the machine in this process: a task is a call of the command with its arguments."""

    def __init__(self, machine: dict, run) -> None:
        self._machine = machine
        self._run = run
        self.ended: dict[str, int] = {}

    def execute(self) -> None:
        self._states(self._machine, {})

    def _states(self, machine: dict, item: dict) -> None:
        name = machine["StartAt"]
        while name is not None:
            name = self._state(name, machine["States"][name], item)

    def _state(self, name: str, state: dict, item: dict) -> str | None:
        if state["Type"] == "Map":
            assert state["Items"] == f"{{% [0..{WORKERS} - 1] %}}"
            for index in range(WORKERS):
                (key, slices), *rest = state["ItemSelector"].items()
                assert (slices, rest) == (f"{{% $string($states.context.Map.Item.Value) & '/{WORKERS}' %}}", [])
                self._states(state["ItemProcessor"], {key: f"{index}/{WORKERS}"})
        elif state["Type"] == "Task":
            code = self._task(state, item)
            self.ended[f"{name} {item.get('slice', '')}".strip()] = code
            if code and "Catch" in state:
                return state["Catch"][0]["Next"]
            assert not code
        return None if state.get("End") else state["Next"]

    def _task(self, state: dict, item: dict) -> int:
        [container] = state["Arguments"]["Overrides"]["ContainerOverrides"]
        command = [self._evaluated(word, item) for word in container["Command"]]
        attempts = 1 + state["Retry"][0]["MaxAttempts"]
        return next((code for code in (self._run(command) for _ in range(attempts)) if code == 0), 1)

    def _evaluated(self, word: str, item: dict) -> str:
        if not word.startswith("{%"):
            return word
        parts = word.removeprefix("{%").removesuffix("%}").split("&")
        values = {"$scanId": SCAN_ID, "$states.input.slice": item.get("slice")}
        return "".join(values[part] if part in values else part.strip("'") for part in map(str.strip, parts))


@pytest.fixture
def fleet(monkeypatch, tmp_path):
    with organization(WORLD) as simulator:
        for name, value in {"RATE": "2000", "MAX_RATE": "2000", "BURST": "2000"}.items():
            monkeypatch.setenv(f"PATCHSWEEP_{name}", value)
        yield simulator, tmp_path


@pytest.mark.slow
def test_the_state_machine_commits_the_whole_scan_though_tasks_fail(fleet):
    simulator, folder = fleet
    failed = []

    def run(command):
        if command not in failed:  # the first time each task could not be started
            failed.append(command)
            return 1
        return main(command)

    interpreter = Interpreter(definition(str(folder / "store"), str(folder / "tables")), run)
    interpreter.execute()

    assert interpreter.ended == {"Begin": 0, "Slice 0/2": 0, "Slice 1/2": 0, "Finish": 0}
    assert_is_the_truth(anyio.run(stored, folder / "store", SCAN_ID), simulator.truth())
    assert list((folder / "tables").glob("nodes/scan_date=*/*.parquet"))


@pytest.mark.slow
def test_the_state_machine_finishes_without_a_slice_that_was_given_up(fleet):
    _, folder = fleet
    codes = []

    def run(command):
        if "--slice=1/2" in command:
            return 1
        codes.append(main(command))
        return 0 if command[0] == "finish" and codes[-1] == 3 else codes[-1]

    interpreter = Interpreter(definition(str(folder / "store"), str(folder / "tables")), run)
    interpreter.execute()

    assert codes[-1] == 3
    row = anyio.run(Store(LocalFiles(folder / "store")).manifest, SCAN_ID).scan
    assert (row.targets["scanned"], row.targets["unfinished"]) == (2, 2)


def test_the_id_that_the_machine_makes_is_one_that_begin_takes():
    expression = definition("s", "t")["States"]["Name"]["Assign"]["scanId"]
    # What the functions of JSONata in it do to a start time and a digest.
    assert re.search(
        r"substringBefore\(\$states.context.Execution.StartTime, '\.'\), /\[-:\]/, ''\) & 'Z-'", expression
    )
    assert re.search(r"\$substring\(\$hash\(\$states.context.Execution.Id, 'SHA-1'\), 0, 6\)", expression)
    started = re.sub("[-:]", "", "2026-11-25T22:10:24.123Z".partition(".")[0])
    assert is_scan_id(f"{started}Z-a1b2c3")


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job["metadata"]["name"])
def test_the_jobs_fit_the_schema_and_name_their_step(job):
    kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
    step, pod = job["metadata"]["labels"]["step"], job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    context = parsed(["patchsweep", *(word.replace("$(SCAN_ID)", SCAN_ID) for word in container["args"])])
    assert context.info_name == container["args"][0] == step
    assert context.params["scan_id"] == SCAN_ID
    assert pod["enableServiceLinks"] is False


def test_the_indexed_job_has_a_pod_for_each_slice_and_tries_no_wrong_configuration_again():
    [job] = [job["spec"] for job in JOBS if job["metadata"]["labels"]["step"] == "work"]
    [container] = job["template"]["spec"]["containers"]
    assert f"--slices={job['completions']}" in container["args"]
    assert (job["completionMode"], job["maxFailedIndexes"]) == ("Indexed", job["completions"])
    rules = [(rule["action"], rule["onExitCodes"]["values"]) for rule in job["podFailurePolicy"]["rules"][:1]]
    assert rules == [("FailIndex", [2])]


def test_the_schema_would_refuse_a_misspelt_key_of_the_indexed_job():
    broken = copy.deepcopy(JOBS[1])
    broken["spec"]["completionMod"] = broken["spec"].pop("completionMode")
    with pytest.raises(kubernetes_validate.ValidationError, match="completionMod"):
        kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.slow
def test_the_steps_of_the_jobs_commit_the_whole_scan(fleet, monkeypatch):
    simulator, folder = fleet
    config = folder / "patchsweep.toml"
    config.write_text(
        f'[scope]\naccounts = ["organization"]\nregions = ["enabled"]\nrole_name = "{WORLD.role_name}"\n'
        f'[store]\nlocation = "{folder / "store"}"\n'
    )

    def run() -> None:
        for job in JOBS:
            [container] = job["spec"]["template"]["spec"]["containers"]
            words = {"$(SCAN_ID)": SCAN_ID, "/etc/patchsweep/patchsweep.toml": str(config)}
            command = [_substituted(word, words) for word in container["args"]]
            for index in range(job["spec"].get("completions", 1)):
                monkeypatch.setenv("JOB_COMPLETION_INDEX", str(index))
                assert main(command) == 0

    run()
    assert_is_the_truth(anyio.run(stored, folder / "store", SCAN_ID), simulator.truth())


def _substituted(word: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        word = word.replace(name, value)
    return word
