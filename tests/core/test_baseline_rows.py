"""What the columns of a baseline say when some of its rules, or all, say nothing."""

from __future__ import annotations

import pytest

from scanner.core.baseline_rows import baseline_row
from scanner.core.baselines import ApprovalRule, Baseline


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([True, False], True),
        ([None, True], True),
        ([False, False], False),
        ([False, None], None),
        ([None], None),
        ([], None),
    ],
)
def test_that_no_rule_approves_other_than_security_updates_is_only_said_where_every_rule_says_so(flags, expected):
    rules = tuple(ApprovalRule(enable_non_security=flag) for flag in flags)
    assert baseline_row(Baseline("pb-1", rules=rules))["enable_non_security"] is expected


@pytest.mark.parametrize("is_default", [True, False, None])
def test_whether_it_is_the_default_is_as_aws_says_it_or_not_known(is_default):
    assert baseline_row(Baseline("pb-1", is_default=is_default))["is_default"] is is_default
