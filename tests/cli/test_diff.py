from __future__ import annotations

import json

import pytest

from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.cli.stored import NEW, OLD

pytestmark = pytest.mark.slow


def ask(*argv, store):
    return run("diff", *argv, "--store", store, app=FakeApp())


@pytest.mark.parametrize("scans", [(), (OLD,), (OLD, NEW), (OLD, "latest")], ids=str)
def test_the_newest_scan_is_held_against_the_one_before_it_or_the_one_named(scans, store):
    ended = ask(*scans, "--format", "json", store=store)

    assert ended.code == 0
    assert [(row["change"], row["kb_id"], row["before"], row["after"]) for row in json.loads(ended.stdout)["rows"]] == [
        ("missing", "KB1", None, "MISSING"),
        ("missing", "KB2", None, "MISSING"),
    ]
    assert f"from {OLD} to {NEW}: patches 0 fixed, 2 newly missing" in ended.stderr


def test_a_later_scan_can_be_held_against_an_earlier_one(store):
    ended = ask(NEW, OLD, "--format", "json", store=store)

    assert {row["change"] for row in json.loads(ended.stdout)["rows"]} == {"dropped"}


@pytest.mark.parametrize(
    ("argv", "says"),
    [((NEW, NEW), "with itself"), ((NEW,), "with itself"), (("nope",), NEW), ((OLD, NEW, "more"), "more")],
    ids=str,
)
def test_scans_that_cannot_be_compared_are_a_sentence(argv, says, store):
    ended = ask(*argv, store=store)

    assert (ended.code, ended.stdout) == (2, "")
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_store_with_one_scan_says_that_there_is_none_before(store):
    run("scans", "prune", "--keep", "1", "--store", store, app=FakeApp())

    ended = ask(store=store)

    assert ended.code == 2
    assert f"no scan before {NEW}" in ended.stderr
