from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.cli.stored import CVE, NEW, OLD, store_two_scans_and_an_unfinished_one
from tests.reports.feeds.samples import msrc, remediation

pytestmark = pytest.mark.slow

NEVER_STALE = ("--stale-after-days", "36500")  # the scans of the store grow older with every day


def ask(*argv, store):
    return run("cve", *argv, "--store", store, app=FakeApp())


def test_the_newest_scan_shows_which_machines_lack_the_fix(store):
    ended = ask(CVE.lower(), "--format", "json", store=store)

    assert ended.code == 0
    rows = json.loads(ended.stdout)["rows"]
    assert [(row["account_id"], row["region"], row["instance_id"], row["state"], row["answer"]) for row in rows] == [
        ("111122223333", "eu-west-1", "i-0a", "MISSING", "lacks_fix")
    ] * 2
    assert ended.stderr == (
        "patchsweep: 1 machine: 1 verified.\n"
        f"patchsweep: {CVE}: 1 machine in 1 account lacks the fix; 0 installed, pending reboot; "
        f"0 are not affected as far as AWS tells (scan {NEW})\n"
    )


def test_rows_keep_the_members_that_released_versions_print(store):
    ended = ask(CVE, "--format", "json", store=store)

    assert [*json.loads(ended.stdout)["rows"][0]][:10] == [
        "account_id",
        "region",
        "instance_id",
        "computer_name",
        "platform_name",
        "ping_status",
        "state",
        "severity",
        "kb_id",
        "title",
    ]


def test_an_older_scan_can_be_asked(store):
    ended = ask(CVE, "--scan", OLD, "--format", "csv", *NEVER_STALE, store=store)

    assert ended.code == 0
    assert len(ended.stdout.splitlines()) == 1
    assert OLD in ended.stderr


def test_an_answer_that_does_not_cover_every_machine_ends_with_3_and_names_the_way_to_list_them(tmp_path):
    store_two_scans_and_an_unfinished_one(tmp_path, cve_ids="")

    ended = ask(CVE, *NEVER_STALE, store=str(tmp_path))

    assert ended.code == 3
    assert "Unknown for 1 machine: AWS names no CVEs" in ended.stderr
    assert "--show-unknown" in ended.stderr


def test_unknown_machines_are_listed_on_request_with_the_reason(tmp_path):
    store_two_scans_and_an_unfinished_one(tmp_path, cve_ids="")

    ended = ask(CVE, "--show-unknown", "--format", "json", *NEVER_STALE, store=str(tmp_path))

    (row,) = json.loads(ended.stdout)["rows"]
    assert (row["instance_id"], row["answer"], row["kb_id"]) == ("i-0a", "unknown", None)
    assert row["reason"].startswith("AWS names no CVEs")


def test_machines_whose_data_is_older_than_stale_after_days_are_unknown(store):
    ended = ask("CVE-2026-99999", "--scan", OLD, "--stale-after-days", "1", store=store)

    assert ended.code == 3
    assert "Unknown for 1 machine: stale" in ended.stderr


def test_a_scan_of_a_simulated_day_is_answered_for_that_day(tmp_path):
    store_two_scans_and_an_unfinished_one(tmp_path, demo=True)

    ended = ask("CVE-2026-99999", "--scan", OLD, "--stale-after-days", "1", store=str(tmp_path))

    assert "stale" not in ended.stderr


def test_a_damaged_earlier_scan_costs_its_cve_ids_only(store):
    for segment in Path(store).glob(f"scans/{OLD}/**/*.parquet"):
        segment.write_bytes(b"damaged")

    ended = ask(CVE, store=store)

    assert ended.code == 0
    assert "CVE ids of earlier scans are not used" in ended.stderr


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("CVE-1",), "not a CVE id"),
        ((CVE, "--scan", "nope"), NEW),
        ((), "CVE_ID"),
        ((CVE, "--published", "soon"), "YYYY-MM-DD"),
    ],
    ids=str,
)
def test_wrong_usage_is_a_sentence(argv, says, store):
    ended = ask(*argv, store=store)

    assert (ended.code, ended.stdout) == (2, "")
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_the_answers_of_each_group_are_counted(store):
    ended = ask(CVE, "--by", "region", "--format", "json", store=store)

    document = json.loads(ended.stdout)
    assert document["rows"] == [
        {
            "group": "eu-west-1",
            "machines": 1,
            "lacks_fix": 1,
            "pending_reboot": 0,
            "not_affected": 0,
            "unknown": 0,
            "has_fix": 0,
        }
    ]
    assert document["coverage"]["lacking"] == 1


def test_each_group_gets_a_file_with_its_machines(store, tmp_path):
    folder = tmp_path / "out"

    ended = ask(CVE, "--split-by", "tag:Team", "--output", str(folder), store=store)

    assert (ended.code, ended.stdout) == (0, "")
    assert ended.stderr.startswith(f"patchsweep: 1 file by tag Team in {folder}\n")
    (file,) = folder.iterdir()
    head, *rows = file.read_text().splitlines()
    assert (file.name, len(rows)) == ("untagged.csv", 2)
    assert head.startswith("account_id,region,instance_id")
    assert all("'=cmd()" in row for row in rows)


def test_a_group_in_which_nothing_is_lacking_any_more_has_its_file_emptied(store, tmp_path):
    argv = ("--split-by", "account", "--output", str(tmp_path), "--scan")
    ask(CVE, *argv, NEW, store=store)

    ask(CVE, *argv, OLD, store=store)

    assert len((tmp_path / "111122223333.csv").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--by", "team"), "use one of tag:KEY, ou"),
        (("--split-by", "os"), "--split-by GROUP and --output FOLDER need each other"),
        (("--output", "x"), "--split-by GROUP and --output FOLDER need each other"),
    ],
    ids=str,
)
def test_groups_that_make_no_sense_are_a_sentence(argv, says, store):
    ended = ask(CVE, *argv, store=store)

    assert (ended.code, ended.stdout) == (2, "")
    assert says in ended.stderr


def test_a_feed_is_named_with_its_date_and_one_that_is_none_is_refused(store):
    Path("msrc.json").write_bytes(msrc((CVE, [remediation("5122876")])))
    Path("osv.json").write_bytes(b"<html></html>")

    ended = ask(CVE, "--msrc", "msrc.json", *NEVER_STALE, store=store)
    refused = ask(CVE, "--osv", "osv.json", store=store)

    assert ended.code == 0
    assert "0 machines by feed, not by AWS: MSRC of 2026-11-10 (1 record)" in ended.stderr
    assert (refused.code, refused.stdout) == (2, "")
    assert "HTML" in refused.stderr
