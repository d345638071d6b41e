"""What a report says of patch baselines, and of those whose rules differ between accounts."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.core.baselines import ApprovalRule, Baseline
from scanner.core.model import NodeStatus
from scanner.reports.html.baselines import approval, variants
from scanner.reports.html.findings import SHORT_LIST
from tests.reports.html.reports import full
from tests.reports.html.stored import OTHER, found, patched
from tests.store.samples import TARGET, outcome

RULE = ApprovalRule(("Security",), ("Critical",), approve_after_days=7)


def baseline(number=1, name="linux", rule=RULE, **others):
    return Baseline(f"pb-{number}", name, "AMAZON_LINUX_2023", owner="Self", rules=(rule,), **others)


def outcomes(here, there=()):
    return [structs.replace(outcome(TARGET), baselines=here), structs.replace(outcome(OTHER), baselines=there)]


async def test_a_baseline_with_the_same_rules_in_two_accounts_is_one_with_all_its_nodes(tmp_path):
    nodes = [
        patched(1, baseline_id="pb-1"),
        patched(2, baseline_id="pb-2", target=OTHER),
        patched(3, status=NodeStatus.GONE, baseline_id="pb-1"),
    ]

    baselines = (await found(tmp_path, nodes, outcomes((baseline(1),), (baseline(2, modified_at=5),)))).baselines

    (used,) = baselines.used
    assert (used.name, used.operating_system, used.owner) == ("linux", "AMAZON_LINUX_2023", "Self")
    assert (used.nodes, used.accounts_total, approval(used)) == (2, 2, "after 7 days")
    assert (baselines.drifted, baselines.unknown_nodes) == ((), 0)


@pytest.mark.parametrize(
    ("other", "differences"),
    [
        (
            baseline(2, rule=structs.replace(RULE, approve_after_days=30)),
            {"approved after at least (days)": "30", "approved after at most (days)": "30"},
        ),
        (baseline(2, rule=structs.replace(RULE, severities=())), {"severities": "all"}),
        (baseline(2, rejected_patches=("httpd",)), {"rejected patches": "httpd"}),
        (baseline(2, approved_patches=tuple("abcdefgh")), {"approved patches": "a, b, c, d, e, f and 2 more"}),
        (
            baseline(2, rule=structs.replace(RULE, enable_non_security=True)),
            {"approves other than security updates": "yes"},
        ),
    ],
    ids=["days", "severities", "rejected", "approved", "other updates"],
)
async def test_the_rules_in_which_baselines_of_one_name_differ_are_named_with_their_accounts(
    other, differences, tmp_path
):
    nodes = [patched(1, baseline_id="pb-1"), patched(2, baseline_id="pb-1")]

    baselines = (await found(tmp_path, nodes, outcomes((baseline(1),), (other,)))).baselines

    first, second = variants(baselines.drifted)
    assert [account.account_name for account in first.baseline.accounts] == ["prod"]
    assert [account.account_name for account in second.baseline.accounts] == ["dev"]
    assert second.differences == differences
    assert first.differences.keys() == differences.keys()
    assert (baselines.used_total, baselines.drifted_total) == (2, 2)


async def test_baselines_of_other_names_do_not_drift(tmp_path):
    other = baseline(2, "windows", structs.replace(RULE, approve_after_days=30))

    assert (await found(tmp_path, [], outcomes((baseline(1),), (other,)))).baselines.drifted == ()


async def test_nodes_whose_baseline_was_not_read_are_counted(tmp_path):
    nodes = [patched(1, baseline_id="pb-1"), patched(2, baseline_id="pb-9"), patched(3)]

    assert (await found(tmp_path, nodes, outcomes((baseline(1),)))).baselines.unknown_nodes == 1


async def test_a_long_list_of_baselines_is_cut_and_its_whole_length_is_kept(tmp_path):
    many = tuple(baseline(n, f"name {n}") for n in range(SHORT_LIST + 5))

    baselines = (await found(tmp_path, [], outcomes(many))).baselines

    assert (len(baselines.used), baselines.used_total) == (SHORT_LIST, SHORT_LIST + 5)


@pytest.mark.parametrize(
    ("fewest", "most", "until", "text"),
    [
        (0, 0, None, "after 0 days"),
        (3, 7, None, "after 3 to 7 days"),
        (None, None, "2026-01-31", "until 2026-01-31"),
        (None, None, None, "by name only"),
    ],
)
def test_approval_is_said_in_days_or_as_a_date(fewest, most, until, text):
    (used,) = full().findings.baselines.used
    rules = {"approve_after_days_min": fewest, "approve_after_days_max": most, "approve_until_date": until}

    assert approval(structs.replace(used, **rules)) == text
