from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.cli.stored import AT, CVE, NEW, store_two_scans_and_an_unfinished_one
from tests.reports.feeds.samples import kev

pytestmark = pytest.mark.slow

NEVER_STALE = ("--stale-after-days", "36500")  # the scans of the store grow older with every day
DAYS = int((time.time() * 1000 - AT) // 86_400_000)  # since the patch scan of the node
NO_GAPS = ("--max-unread", "0", "--max-unmanaged", "0", *NEVER_STALE)


def check(*argv, store):
    return run("check", *argv, "--store", store, app=FakeApp())


def test_a_policy_that_is_met_ends_with_0(store):
    ended = check("--max-age", "Low=1d", *NO_GAPS, store=store)

    assert ended.code == 0
    assert ended.stdout.startswith(f"The policy is met (scan {NEW}).")


def test_a_scan_of_a_simulated_day_is_checked_for_that_day(tmp_path):
    store_two_scans_and_an_unfinished_one(tmp_path, demo=True)

    ended = check("--max-unread", "0", "--stale-after-days", "1", "--format", "json", store=str(tmp_path))

    assert json.loads(ended.stdout)["checked_at"] == "2026-11-22T21:07:41Z"  # `AT` and the 90 s of the scan
    assert "stale" not in ended.stdout


def test_a_policy_that_is_violated_ends_with_4(store):
    Path("kev.json").write_bytes(kev((CVE, "2026-01-01")))

    ended = check("--kev", "kev.json", *NO_GAPS, store=store)

    assert ended.code == 4
    assert "KEV of 2026-11-24" in ended.stdout
    assert "\x1b" not in ended.stdout


def test_what_cannot_be_told_ends_with_3(store):
    ended = check("--max-age", "Critical=9999w", *NO_GAPS, store=store)

    assert ended.code == 3
    assert "cannot be told" in ended.stdout


def test_the_policy_may_stand_in_a_file_and_options_win_over_it(store):
    Path("policy.toml").write_text('max_age = ["Critical=9999w"]\nmax_unread = 0\nmax_unmanaged = 0\n')

    assert check("--policy", "policy.toml", *NEVER_STALE, store=store).code == 3
    assert check("--policy", "policy.toml", "--max-age", "Low=1d", *NEVER_STALE, store=store).code == 0


def test_the_policy_may_stand_in_the_configuration(store):
    Path("patchsweep.toml").write_text('[check]\nmax_age = ["Low=1d"]\nmax_unread = 0\nmax_unmanaged = 0\n')

    assert check("--config", "patchsweep.toml", *NEVER_STALE, store=store).code == 0


def test_waived_findings_are_listed_apart(store):
    Path("kev.json").write_bytes(kev((CVE, "2026-01-01")))
    Path("waivers.csv").write_text(f"cve,reason,approver,expires\r\n{CVE},=cmd(),me,9999-12-31\r\n")

    ended = check("--kev", "kev.json", "--waivers", "waivers.csv", *NO_GAPS, "--format", "json", store=store)

    document = json.loads(ended.stdout)
    assert (ended.code, document["verdict"], document["findings"]) == (0, "met", [])
    assert {each["waiver"]["reason"] for each in document["waived"]} == {"=cmd()"}


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "markdown", "junit", "sarif"])
def test_every_form_can_be_written_to_a_file(form, store, tmp_path):
    ended = check("--max-age", "*=1d", "--format", form, "--output", "check.out", *NO_GAPS, store=store)

    assert (ended.code, ended.stdout) == (4 if DAYS > 1 else 3, "")
    assert (tmp_path / "check.out").read_text()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ((), "there is no policy"),
        (("--max-age", "soon"), "SEVERITY=NUMBER"),
        (("--max-age", "Critcal=1d"), "did you mean"),
        (("--max-unread", "-1"), "check.max_unread"),
        (("--max-age", "Low=1d", "--waivers", "nowhere.toml"), "nowhere.toml"),
        (("--max-age", "Low=1d", "--by", "colour"), "colour"),
        (("--max-age", "Low=1d", "--output", "/nowhere/x"), "/nowhere"),
        (("--max-age", "Low=1d", "--scan", "nope"), NEW),
        (("--kev", "nowhere.json"), "nowhere.json"),
        (("--policy", "nowhere.toml"), "nowhere.toml"),
    ],
    ids=str,
)
def test_wrong_usage_is_a_sentence(argv, says, store):
    ended = check(*argv, store=store)

    assert (ended.code, ended.stdout) == (2, "")
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_policy_file_with_another_key_is_refused(store):
    Path("policy.toml").write_text('max_ages = ["Critical=14d"]\n')

    ended = check("--policy", "policy.toml", store=store)

    assert ended.code == 2
    assert "max_ages" in ended.stderr
