from __future__ import annotations

import stat

import pytest

from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.cli.stored import NEW, OLD
from tests.reports.html.page_reader import Page

pytestmark = pytest.mark.slow


def ask(*argv, store):
    return run("report", *argv, "--store", store, app=FakeApp())


def ask_stdout(*argv, store):
    return ask(*argv, "--output", "-", store=store)


@pytest.mark.parametrize("argv", [(), ("latest",), (NEW,)])
def test_the_newest_scan_is_reported_on_stdout(argv, store):
    ended = ask_stdout(*argv, store=store)

    assert (ended.code, ended.stderr) == (0, "")
    text = Page(ended.stdout).text
    assert f"Scan {NEW} is complete: everything in scope was read, 1 machine" in text
    assert "missing patches, on 1 node 2" in text


def test_an_older_scan_can_be_reported(store):
    ended = ask_stdout(OLD, store=store)

    assert ended.code == 0
    assert f"Scan {OLD} is complete" in ended.stdout
    assert NEW not in ended.stdout


def test_a_file_is_written_whole_for_its_owner_and_stderr_says_where(store, tmp_path):
    file = tmp_path / "report.html"
    file.write_text("old")
    file.chmod(0o600)

    ended = ask("--output", str(file), store=store)

    assert ended == (0, "", f"patchsweep: the report of scan {NEW} is in {file}\n")
    assert file.read_text() == ask_stdout(store=store).stdout
    assert oct(stat.S_IMODE(file.stat().st_mode)) == "0o600"


def test_the_commands_that_tell_more_name_the_store_that_was_asked(store):
    assert f"patchsweep cve --store {store} --scan {NEW} CVE_ID" in Page(ask_stdout(store=store).stdout).text


@pytest.mark.parametrize(
    ("argv", "says"),
    [(("nope",), NEW), (("--output", "nowhere/x.html"), "report file"), (("--output", "."), "is a folder")],
    ids=str,
)
def test_wrong_usage_is_a_sentence_and_writes_nothing(argv, says, store, tmp_path):
    before = sorted(tmp_path.rglob("*"))

    ended = ask(*argv, store=store)

    assert (ended.code, ended.stdout) == (2, "")
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_store_without_scans_has_no_report(tmp_path):
    ended = ask("--output", str(tmp_path / "x.html"), store=str(tmp_path / "empty"))

    assert ended.code == 2
    assert not (tmp_path / "x.html").exists()


def test_a_damaged_scan_is_reported_to_nobody(store, tmp_path):
    (segment,) = (tmp_path / "store" / "scans" / NEW / "segments").iterdir()
    segment.write_bytes(segment.read_bytes()[:-1])

    ended = ask("--output", str(tmp_path / "x.html"), store=store)

    assert ended.code == 1
    assert segment.name in ended.stderr
    assert not (tmp_path / "x.html").exists()


def test_without_a_name_the_file_is_named_after_the_scan(store, tmp_path):
    ended = ask(store=store)

    file = tmp_path / f"patchsweep-report-{NEW}.html"
    assert ended == (0, "", f"patchsweep: the report of scan {NEW} is in {file.name}\n")
    assert f"Scan {NEW} is complete" in Page(file.read_text()).text


def test_the_file_can_be_shown_in_a_browser(store, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("click.launch", lambda url: shown.append(url) or 0)

    assert ask("--output", "r.html", "--open", store=store).code == 0
    assert shown == [(tmp_path / "r.html").as_uri()]
    assert ask("--output", "-", "--open", store=store).code == 2


def test_a_report_can_be_split_into_one_for_each_value(store, tmp_path):
    ended = ask("--split-by", "account", "--output", "reports", store=store)

    assert ended == (0, "", "patchsweep: 1 report by account in reports\n")
    (file,) = (tmp_path / "reports").iterdir()
    assert f"Only nodes whose account is {file.stem} are shown." in Page(file.read_text()).text


def test_machines_without_the_tag_are_in_a_file_of_their_own(store, tmp_path):
    assert ask("--split-by", "tag:Team", "--output", "reports", store=store).code == 0

    (file,) = (tmp_path / "reports").iterdir()
    assert file.name == "untagged.html"
    assert "Only nodes without tag Team are shown." in Page(file.read_text()).text


def test_a_report_can_count_what_each_group_lacks(store):
    assert "By tag Team" in Page(ask_stdout("--by", "tag:Team", store=store).stdout).text


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--by", "team"), "use one of tag:KEY"),
        (("--split-by", "tag:"), "use one of tag:KEY"),
        (("--split-by", "os"), "give --output a folder"),
        (("--split-by", "os", "--output", "-"), "give --output a folder"),
        (("--split-by", "os", "--output", "x", "--open"), "no --open"),
    ],
    ids=str,
)
def test_groups_that_make_no_sense_are_a_sentence_and_write_nothing(argv, says, store, tmp_path):
    before = sorted(tmp_path.rglob("*"))

    ended = ask(*argv, store=store)

    assert (ended.code, ended.stdout) == (2, "")
    assert says in ended.stderr
    assert sorted(tmp_path.rglob("*")) == before
