from __future__ import annotations

import json

import pytest

from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.reports.feeds.samples import affected, epss, kev, msrc, osv, remediation, tarred

CVE = "CVE-2026-12345"


@pytest.fixture
def feeds(tmp_path):
    """Options that name a feed of each kind."""
    (tmp_path / "kev.json").write_bytes(kev((CVE, "2026-10-22")))
    (tmp_path / "epss.csv.gz").write_bytes(epss((CVE, 0.5, 0.9)))
    (tmp_path / "msrc").mkdir()
    for month in ("2026-Oct", "2026-Nov"):
        document = msrc((CVE, [remediation("5122876")]), month=month)
        (tmp_path / f"msrc/{month}.json").write_bytes(document)
    record = osv(f"UBUNTU-{CVE}", affected("Ubuntu:22.04:LTS", "openssl", "3.0.2-0ubuntu1.15"))
    (tmp_path / "osv.tar.gz").write_bytes(tarred({"osv/a.json": record, "osv/b.json": b"{}"}))
    return ["--kev", "kev.json", "--epss", "epss.csv.gz", "--msrc", "msrc", "--osv", "osv.tar.gz"]


def test_each_feed_is_shown_with_its_own_date_and_count(feeds):
    ended = run("feeds", *feeds, "--format", "json", app=FakeApp())

    assert ended.code == 0
    shown = json.loads(ended.stdout)["feeds"]
    assert [(each["feed"], each["dated"], each["records"], each["skipped"]) for each in shown] == [
        ("kev", "2026-11-24", 1, 0),
        ("epss", "2026-11-24", 1, 0),
        ("msrc", "2026-11-10", 1, 0),
        ("osv", "2026-11-20", 1, 1),
    ]


def test_feeds_are_shown_as_a_table(feeds):
    ended = run("feeds", *feeds, app=FakeApp())

    assert ended.stdout.splitlines()[0].split() == ["feed", "date", "is", "its", "records", "skipped", "file"]
    assert "msrc/2026-Nov.json and 1 more" in ended.stdout


def test_without_feeds_the_options_are_named():
    ended = run("feeds", app=FakeApp())

    assert ended.code == 0
    assert "--kev" in ended.stdout


def test_every_file_that_is_no_feed_is_named_and_the_command_ends_with_2(feeds, tmp_path):
    (tmp_path / "kev.json").write_bytes(b"<html>\x1b[2J</html>")
    (tmp_path / "epss.csv.gz").write_bytes(epss((CVE, 0.5, 0.9))[:-5])

    ended = run("feeds", *feeds, app=FakeApp())

    assert (ended.code, ended.stdout) == (2, "")
    lines = ended.stderr.splitlines()
    assert [line.split()[1] for line in lines] == ["kev.json", "epss.csv.gz"]
    assert "\x1b" not in ended.stderr


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--kev", "nowhere.json"), "No such file"),
        (("--kev", "."), "it is a folder"),
        (("--osv", "empty"), "no JSON file"),
        (("--kev", "/dev/null"), "neither a file nor a folder"),
        (("--kev", "s3://bucket/"), "names no object"),
    ],
    ids=str,
)
def test_a_place_that_cannot_be_read_is_one_sentence(argv, says, tmp_path):
    (tmp_path / "empty").mkdir()

    ended = run("feeds", *argv, app=FakeApp())

    assert ended.code == 2
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("option", ["--msrc", "--osv"])
def test_a_folder_without_a_document_is_refused_by_its_name_beside_others_too(option, feeds, tmp_path):
    (tmp_path / "none").mkdir()

    ended = run("feeds", *feeds, option, "none", app=FakeApp())

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("patchsweep: none is not ")
    assert ended.stderr.endswith(": it has no JSON file\n")
