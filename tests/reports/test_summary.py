from __future__ import annotations

import json

import pytest
from msgspec import structs

from scanner.core.model import NodeStatus, Scope, Target, TargetOutcome, TargetStatus
from scanner.core.statistics import AlternatingBaselines
from scanner.reports.scan_result import GAPS_KEPT, NodeGap, ScanResult
from scanner.reports.scan_row import ScanIdentity, scan_row
from scanner.reports.staleness import StaleReason
from scanner.reports.summary import ACCOUNTS_SHOWN, incomplete_nodes, summary, summary_json

SCANNED, DENIED, DISABLED = TargetStatus.SCANNED, TargetStatus.DENIED, TargetStatus.DISABLED
VERIFIED, MISMATCHED = NodeStatus.VERIFIED, NodeStatus.MISMATCHED


def outcome(number, status=SCANNED, reason=None):
    target = Target(f"{number:012}", "eu-west-1")
    return TargetOutcome(target, status, reason, 2, 600_000, 1_000, 4, 0, started_at=1, finished_at=2)


def gap(number, status=MISMATCHED, reason="MISSING: 3 rows, AWS counts 4"):
    return NodeGap(Target("111122223333", "eu-west-1"), f"i-{number:017x}", status, reason)


def ending(outcomes, nodes, *, regions="current", states=(), gaps=(), **others):
    row = scan_row(
        ScanIdentity(
            "20261123T210611Z-a1b2c3",
            started_at=0,
            mode="full",
            states=states,
            scope=Scope("current", regions),
            version="0.1.0",
        ),
        finished_at=200_500,
        outcomes=outcomes,
        nodes=nodes,
    )
    counts = {"missing": {}, "failed": {}, "lacking_by_account": {}}
    rest = {"sink_failures": {}, "notes": (), "store": "./patchsweep-data", "elapsed_s": 200.5}
    return ScanResult(row, outcomes, gaps, **counts | rest | others)


def text_of(end, width=80):
    return "\n".join(line.text for line in summary(end, width))


def test_a_complete_scan_reads_like_this():
    lacking = {
        "missing": {"Important": 1_200, "optional": 9, "required": 20, "Critical": 12},
        "lacking_by_account": {"111122223333": 1_241},
    }

    assert text_of(ending([outcome(1), outcome(2)], {VERIFIED: 3, NodeStatus.GONE: 1}, **lacking)) == (
        "3 machines: 3 verified.\n"
        "Scan 20261123T210611Z-a1b2c3 is complete: everything in scope was read, 4\nmachines in all.\n"
        "\n"
        "Coverage\n"
        "  targets     2 scanned\n"
        "  nodes       3 verified, 1 gone\n"
        "\n"
        "Patches\n"
        "  missing     1,241: 12 Critical, 1,200 Important, 20 required, 9 optional\n"
        "  failed      none\n"
        "  by account  111122223333: 1,241\n"
        "\n"
        "Run\n"
        "  read        1,200,000 patch rows in 2,000 calls, 8 throttled, 3 min 20 s\n"
        "  store       ./patchsweep-data\n"
        "\n"
        'Next: patchsweep query --scan 20261123T210611Z-a1b2c3 "SELECT account_id, count(*) AS missing FROM patches '
        "WHERE state = 'MISSING' GROUP BY 1 ORDER BY 2 DESC\""
    )


def test_coverage_comes_before_patches_and_every_gap_has_its_place_and_reason():
    text = text_of(
        ending([outcome(1), outcome(2, DENIED, "no role")], {VERIFIED: 3, MISMATCHED: 1}, gaps=[gap(7)]), width=120
    )

    assert text.splitlines()[1].endswith("is partial: 1 of 2 targets and 1 of 4 nodes not read or not verified.")
    assert "  denied      000000000002/eu-west-1: no role" in text
    assert "  mismatched  111122223333/eu-west-1 i-00000000000000007: MISSING: 3 rows, AWS counts 4" in text
    assert text.index("no role") < text.index("Patches")


def test_machines_whose_baseline_alternates_are_named_as_text_and_as_json():
    named = AlternatingBaselines(5, ("1/eu-west-1/i-a", "1/eu-west-1/i-b", "1/eu-west-1/i-c"))
    end = ending([outcome(1)], {NodeStatus.VERIFIED: 9}, alternating_baselines=named)

    assert text_of(end, 400).splitlines()[1] == (
        "The patch baseline of 5 machines alternates from scan to scan (1/eu-west-1/i-a, 1/eu-west-1/i-b, "
        "1/eu-west-1/i-c and 2 more): schedules with different baselines overwrite each other's results, so the "
        "answer depends on which ran last."
    )
    assert json.loads(summary_json(end, 0))["alternating_baselines"] == {
        "machines": 5,
        "first": ["1/eu-west-1/i-a", "1/eu-west-1/i-b", "1/eu-west-1/i-c"],
    }
    assert "alternates" not in text_of(ending([outcome(1)], {NodeStatus.VERIFIED: 9}))


def test_the_first_lines_count_machines_and_those_whose_data_is_stale():
    nodes = {VERIFIED: 450, NodeStatus.UNCHANGED: 10, NodeStatus.UNMANAGED: 21, NodeStatus.STOPPED: 9}
    nodes |= {NodeStatus.DENIED: 1, NodeStatus.FAILED: 3, NodeStatus.GONE: 5}
    stale = {StaleReason.NODE_SILENT: 3, StaleReason.SCAN_DID_NOT_RUN: 9}

    lines = text_of(ending([outcome(1)], nodes, stale=stale), 120).splitlines()

    assert lines[:2] == [
        "494 machines: 460 verified, 21 unmanaged, 9 stopped, 4 not read.",
        "Stale and therefore unknown: 9 online without a recent patch scan, 3 silent.",
    ]


@pytest.mark.parametrize("status", [status for status in NodeStatus if status is not NodeStatus.GONE])
def test_every_status_is_counted_in_the_first_line(status):
    assert text_of(ending([outcome(1)], {status: 2})).startswith("2 machines: 2 ")


def test_what_was_not_asked_is_one_line_for_each_cause():
    sentence = "ec2:DescribeInstances in account {:012}, Region eu-west-1, failed: UnauthorizedOperation (no); allow it"
    outcomes = [structs.replace(outcome(n), not_asked=(sentence.format(n),)) for n in range(1, 4)]

    text = text_of(ending(outcomes, {VERIFIED: 3}))

    assert "  not asked: ec2:DescribeInstances is denied in 3 accounts\n" in text
    assert text.count("DescribeInstances") == 1


def test_only_what_is_a_gap_is_told_as_one():
    nodes_only = text_of(ending([outcome(1)], {VERIFIED: 3, MISMATCHED: 1}))
    disabled = text_of(ending([outcome(1), outcome(2, DISABLED, "not enabled")], {VERIFIED: 3}, regions="enabled"))

    assert "is partial: 1 of 4 nodes not read" in nodes_only
    assert "is complete" in disabled
    assert "not enabled" not in disabled
    assert "1 scanned, 1 disabled" in disabled


def test_disabled_targets_are_counted_and_named_in_a_complete_scan():
    outcomes = [outcome(0), *(outcome(number, DISABLED, "not enabled") for number in range(1, GAPS_KEPT + 6))]

    text = text_of(ending(outcomes, {VERIFIED: 3}, regions="enabled"))

    assert "is complete" in text
    assert f"  disabled    {GAPS_KEPT + 5} targets not read: 000000000001/eu-west-1" in text
    assert "  … and 5 targets more:" in text


def test_a_scan_that_read_nothing_says_so_and_offers_no_query():
    text = text_of(ending([outcome(1, DENIED, "no role")], {}))

    assert text.startswith("Scan 20261123T210611Z-a1b2c3 failed: nothing could be read.")
    assert "no role" in text
    assert "Next:" not in text


def test_many_gaps_are_cut_short_with_how_to_see_the_rest():
    targets = [outcome(0), *(outcome(number, DENIED, f"no role {number}") for number in range(1, GAPS_KEPT + 6))]
    nodes = {VERIFIED: 1, MISMATCHED: 900}

    text = text_of(ending(targets, nodes, gaps=[gap(number) for number in range(GAPS_KEPT)]))

    assert text.count("no role") == GAPS_KEPT
    query = "    patchsweep query --scan 20261123T210611Z-a1b2c3"
    assert f"  … and 5 targets more:\n{query} \"FROM targets WHERE status <> 'scanned'\"" in text
    assert f'  … and {900 - GAPS_KEPT} nodes more:\n{query} "{incomplete_nodes(Scope("current", "enabled"))}"' in text


def test_the_queries_ask_the_store_of_the_scan():
    text = text_of(ending([outcome(1)], {VERIFIED: 1, MISMATCHED: 900}, store="s3://patches/scans"))
    assert text.count("patchsweep query --store s3://patches/scans --scan 20261123T210611Z-a1b2c3 ") == 2


@pytest.mark.parametrize("unmanaged", [False, True])
def test_the_query_for_the_nodes_in_question_names_the_statuses_that_are_gaps(unmanaged):
    scope = Scope("organization", "enabled", are_unmanaged_gaps=unmanaged)
    named = {status for status in NodeStatus if f"'{status}'" in incomplete_nodes(scope)}

    assert named == {status for status in NodeStatus if scope.is_node_gap(status)}
    assert (NodeStatus.UNMANAGED in named) is unmanaged


def test_states_that_the_filter_left_out_are_not_told_as_none():
    text = text_of(ending([outcome(1)], {VERIFIED: 1}, states=["FAILED"]))

    assert "  missing     not asked for (states filter)" in text
    assert "  failed      none" in text


def test_only_the_worst_accounts_are_shown_the_worst_first():
    accounts = {f"{number:012}": number for number in range(1, 20)}
    (line,) = (
        line
        for line in text_of(ending([outcome(1)], {}, lacking_by_account=accounts), 200).splitlines()
        if "by account" in line
    )

    assert line.startswith("  by account  000000000019: 19, 000000000018: 18, ")
    assert line.count(":") == ACCOUNTS_SHOWN


def test_a_sink_that_failed_is_named_with_the_command_that_sends_the_scan_again():
    text = text_of(ending([outcome(1)], {}, sink_failures={"csv:out": "the disk is full"}, store="/data/my store"))

    assert "  sink failed csv:out: the disk is full" in text
    assert "patchsweep publish 20261123T210611Z-a1b2c3 --store '/data/my store' --sink SPEC" in text


def test_notes_of_the_run_are_shown():
    assert "  note        resumed: 5 nodes" in text_of(ending([outcome(1)], {}, notes=["resumed: 5 nodes"]))


def test_text_from_outside_is_shown_and_not_obeyed():
    bad = "\x1b]0;owned\x07\r\n"
    text = text_of(
        ending(
            [outcome(0), outcome(1, DENIED, bad)],
            {MISMATCHED: 1, VERIFIED: 1},
            gaps=[gap(1, reason=bad)],
            missing={bad: 1},
            sink_failures={bad: bad},
            notes=[bad],
        )
    )

    assert not any(ord(character) < 32 for line in text.split("\n") for character in line)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_text_keeps_to_the_width_but_for_commands_to_copy(width):
    reason = "the role reader cannot be assumed because its trust policy does not name the caller " * 3
    text = text_of(ending([outcome(0), outcome(1, DENIED, reason)], {MISMATCHED: 1, VERIFIED: 1}, gaps=[gap(1)]), width)

    assert all(len(line) <= width for line in text.splitlines() if "patchsweep query" not in line)


def test_the_json_form_holds_the_row_with_times_as_text_and_what_came_of_the_run():
    end = ending([outcome(1)], {VERIFIED: 3}, sink_failures={"csv:out": "full"}, missing={"Critical": 2})

    written = json.loads(summary_json(end, 3))

    assert written["scan_id"] == "20261123T210611Z-a1b2c3"
    assert written["started_at"] == "1970-01-01T00:00:00.000Z"
    assert written["finished_at"] == "1970-01-01T00:03:20.500Z"
    assert written["nodes"]["verified"] == 3
    assert written["missing"] == {"Critical": 2}
    assert written["sink_failures"] == {"csv:out": "full"}
    assert (written["exit_code"], written["elapsed_s"]) == (3, 200.5)


def test_the_same_denial_in_many_accounts_is_one_entry_with_how_to_see_all_of_them():
    targets = [outcome(0), *(outcome(number, DENIED, "no role") for number in range(1, 40))]

    text = text_of(ending(targets, {VERIFIED: 1}))

    assert text.count("no role") == 1
    assert "39 targets (" in text
    assert "and 36 targets more:" in text


def test_the_summary_says_how_old_the_installed_patches_of_refreshed_nodes_may_be():
    scan = ending([outcome(1)], {NodeStatus.REFRESHED: 1_203})
    day = 24 * 60 * 60 * 1000
    result = structs.replace(scan, oldest_installed=scan.scan.finished_at - 5 * day - 1)

    assert "1,203 nodes: installed patches as of up to 6 days ago." in " ".join(text_of(result).split())
    assert "installed patches as of" not in text_of(scan)
