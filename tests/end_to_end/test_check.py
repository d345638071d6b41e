"""`check` on the demonstration: met, violated and not to be told, each for a reason that is true of it."""

from __future__ import annotations

import json

import pytest

from tests.reports.feeds.samples import kev

pytestmark = pytest.mark.slow

LIMITS = ("--max-unread", "30", "--max-unmanaged", "30")


def verdicts(ended):
    return {each["rule"]: each["verdict"] for each in json.loads(ended.stdout)["rules"]}


def asked(terminal, sql):
    """The first column of the answer."""
    return terminal.run("query", sql, "--format", "csv").stdout.split()[1:]


def test_the_demonstration_meets_violates_and_leaves_open_a_policy(terminal):
    assert terminal.run("scan", "--demo").code == 3
    [denied] = asked(terminal, "SELECT account_id FROM targets WHERE status = 'denied'")

    # One account has no role for the scan, and no number of machines makes up for that.
    unread = terminal.run("check", *LIMITS, "--format", "json")
    assert (unread.code, verdicts(unread)) == (3, {"max_unread": "unknown", "max_unmanaged": "met"})

    assert terminal.run("scan", "--demo", "--exclude-accounts", denied).code == 3
    met = terminal.run("check", *LIMITS, "--format", "json")
    assert (met.code, verdicts(met)) == (0, {"max_unread": "met", "max_unmanaged": "met"})

    # Nothing of the first scan says since when a patch was missing then.
    young = terminal.run("check", *LIMITS, "--max-age", "Critical=14d", "--format", "json")
    assert (young.code, verdicts(young)["max_age"]) == (3, "unknown")

    [cve_id] = asked(terminal, "SELECT any_value(cve_ids[1]) FROM patches WHERE state = 'MISSING'")
    (terminal.folder / "kev.json").write_bytes(kev((cve_id, "2020-01-01")))
    overdue = terminal.run("check", *LIMITS, "--kev", "kev.json", "--format", "json")
    assert (overdue.code, verdicts(overdue)["kev_due"]) == (4, "violated")
    assert all(cve_id in finding["cve_ids"] for finding in json.loads(overdue.stdout)["findings"] if finding["due"])
