"""One enum of exit codes, and the rule for each kind of result."""

from __future__ import annotations

import pytest

from scanner.cli.exit_codes import (
    ExitCode,
    answer_exit_code,
    diagnosis_exit_code,
    error_exit_code,
    plan_exit_code,
    scan_exit_code,
)
from scanner.core.errors import ConfigError, Interrupted, ScanNotFound, StoreError
from scanner.core.model import NodeStatus, Scope, TargetStatus
from scanner.core.settings import LimitSettings
from scanner.reports.plan import Plan, PlannedTarget
from tests.cli.fake_app import TARGETS, finished, outcome
from tests.cli.running import run
from tests.reports.diagnoses import BAD, GOOD, WRONG, diagnosis

SCANNED, DENIED, DISABLED = TargetStatus.SCANNED, TargetStatus.DENIED, TargetStatus.DISABLED


def plan(*statuses, regions="enabled"):
    targets = tuple(PlannedTarget(TARGETS[0], status, None, 0, 0, 1, 0.0, 1, 0.0) for status in statuses)
    return Plan(targets, LimitSettings(), Scope("organization", regions))


def test_the_codes_of_released_versions_stay():
    assert [code.value for code in ExitCode] == [0, 1, 2, 3, 4, 129, 130, 143]


def test_every_code_is_explained_by_help():
    shown = run("--help").stdout

    for code in ExitCode:
        assert f"{code.value}  {code.meaning[:40]}" in shown


@pytest.mark.parametrize(
    ("statuses", "failures", "code"),
    [
        ([SCANNED], {}, ExitCode.COMPLETE),
        ([SCANNED], {"csv:out": "disk full"}, ExitCode.PARTIAL),
        ([SCANNED, DENIED], {}, ExitCode.PARTIAL),
        ([DENIED], {}, ExitCode.FAILED),
        ([DENIED], {"csv:out": "disk full"}, ExitCode.FAILED),
    ],
)
def test_a_scan_ends_with_complete_partial_or_failed(statuses, failures, code):
    row = finished([outcome(TARGETS[0], status) for status in statuses], {}).scan

    assert scan_exit_code(row, failures) is code


def test_an_answer_is_complete_only_if_it_covers_all_nodes():
    assert answer_exit_code(covers_all_nodes=True) is ExitCode.COMPLETE
    assert answer_exit_code(covers_all_nodes=False) is ExitCode.PARTIAL


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (diagnosis(SCANNED), ExitCode.COMPLETE),
        (diagnosis(SCANNED, DENIED), ExitCode.PARTIAL),
        (diagnosis(SCANNED, DISABLED), ExitCode.COMPLETE),
        (diagnosis(SCANNED, DISABLED, regions="eu-west-1"), ExitCode.PARTIAL),
        (diagnosis(SCANNED, sinks=(GOOD, BAD)), ExitCode.PARTIAL),
        (diagnosis(SCANNED, sinks=(GOOD, WRONG)), ExitCode.FAILED),
        (diagnosis(SCANNED, store=WRONG), ExitCode.FAILED),
        (diagnosis(), ExitCode.FAILED),
        (diagnosis(DENIED), ExitCode.FAILED),
        (diagnosis(DISABLED), ExitCode.FAILED),
    ],
)
def test_doctor_ends_as_a_scan_would(found, code):
    assert diagnosis_exit_code(found) is code


@pytest.mark.parametrize(
    ("planned", "code"),
    [
        (plan(SCANNED), ExitCode.COMPLETE),
        (plan(SCANNED, DENIED), ExitCode.PARTIAL),
        (plan(SCANNED, DISABLED), ExitCode.COMPLETE),
        (plan(SCANNED, DISABLED, regions="eu-west-1,eu-central-2"), ExitCode.PARTIAL),
        (plan(DENIED), ExitCode.FAILED),
    ],
)
def test_plan_ends_as_a_scan_would(planned, code):
    assert plan_exit_code(planned) is code


def test_a_scan_with_a_disabled_region_agrees_with_its_plan():
    for regions in ("enabled", "eu-west-1,eu-central-2"):
        outcomes = [outcome(TARGETS[0], nodes=1), outcome(TARGETS[1], DISABLED)]
        scan = finished(outcomes, {NodeStatus.VERIFIED: 1}, scope=Scope("current", regions)).scan
        assert scan_exit_code(scan, {}) is plan_exit_code(plan(SCANNED, DISABLED, regions=regions))


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigError("x"), 2), (ScanNotFound("x"), 2), (StoreError("x"), 1), (Interrupted("x", 2), 130), (OSError(), 1)],
)
def test_an_error_has_a_code_by_its_kind(error, code):
    assert error_exit_code(error) == code
