"""Which scan the commands that read a store answer from, where options name its scope and filters."""

from __future__ import annotations

import json
from typing import get_type_hints

import anyio
import click
import pytest

from scanner.cli.commands import patchsweep
from scanner.cli.latest_options import LATEST
from scanner.core.comparable import ComparablePart
from scanner.core.scan_request import request_of
from scanner.core.settings import NodeSettings, PatchSettings, ScopeSettings, Settings
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.store.manifest import ScanHeader
from scanner.store.store import Store
from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.store.samples import STARTED_MS, node, opened, outcome, scan_row

pytestmark = pytest.mark.slow

DAY_MS = 24 * 60 * 60 * 1000
#: What commands that read a scan are called with, beside the store and the options.
READERS = {
    "query": ["query", "SELECT DISTINCT scan_id FROM nodes", "--format", "jsonl"],
    "cve": ["cve", "CVE-2026-12345", "--format", "json"],
    "check": ["check", "--max-unread", "5", "--format", "json"],
    "report": ["report", "--output", "-"],
    "diff": ["diff", "--format", "json"],
    "scans show": ["scans", "show", "--format", "json"],
    "scans times": ["scans", "times", "--format", "json"],
}
NIGHTLY = Settings(scope=ScopeSettings(accounts=("organization",), regions=("enabled",), role_name="reader"))
TEAM = Settings(
    scope=ScopeSettings(accounts=("111111111111",)),
    nodes=NodeSettings(tags={"Team": ("db",)}),
    patches=PatchSettings(not_applicable=False),
)
BY_HAND = Settings()
NIGHTLY_OPTIONS = ["--accounts", "organization", "--regions", "enabled"]


async def _scan(store, day, settings, *, demo=False):
    scan_id = store.new_scan_id(STARTED_MS + day * DAY_MS)
    scan = opened(store, scan_id)
    await scan.begin(ScanHeader(scan_id, STARTED_MS, "0.1.0", request_of(settings), demo))
    await scan.add_segment(segment_table(scan_id, [node(1)]))
    await scan.commit(scan_row(scan_id, {"verified": 1}), [outcome()])
    return scan_id


def _scans(folder, *all_settings, demo=False):
    async def stored():
        store = Store(LocalFiles(str(folder)))
        return [await _scan(store, day, settings, demo=demo) for day, settings in enumerate(all_settings)]

    return anyio.run(stored)


@pytest.mark.parametrize("words", READERS.values(), ids=READERS)
def test_every_command_that_reads_a_scan_takes_the_newest_of_the_scope_that_its_options_name(words, tmp_path):
    first, nightly, team, by_hand = _scans(tmp_path, NIGHTLY, NIGHTLY, TEAM, BY_HAND)

    ended = run(*words, "--store", str(tmp_path), *NIGHTLY_OPTIONS, app=FakeApp())

    assert nightly in ended.stdout, ended.stderr
    assert not any(other in ended.stdout for other in (team, by_hand))
    assert (first in ended.stdout) == (words[0] == "diff")


def test_filters_of_nodes_choose_a_scan_too(tmp_path):
    _, team, _ = _scans(tmp_path, NIGHTLY, TEAM, BY_HAND)

    options = ["--accounts", "111111111111", "--tag", "Team=db"]
    ended = run(*READERS["query"], "--store", str(tmp_path), *options, app=FakeApp())

    assert json.loads(ended.stdout) == {"scan_id": team}


def test_all_scans_are_those_of_the_scope_where_options_name_one(tmp_path):
    first, second, *_ = _scans(tmp_path, NIGHTLY, NIGHTLY, TEAM)

    ended = run(*READERS["query"], "--store", str(tmp_path), "--scan", "all", *NIGHTLY_OPTIONS, app=FakeApp())

    assert sorted(json.loads(line)["scan_id"] for line in ended.stdout.splitlines()) == [first, second]
    assert ended.stderr == ""


@pytest.mark.parametrize("words", READERS.values(), ids=READERS)
def test_a_scope_that_no_scan_has_is_wrong_usage_and_never_another_scan(words, tmp_path):
    _scans(tmp_path, NIGHTLY)

    ended = run(*words, "--store", str(tmp_path), "--accounts", "222222222222", "--states", "MISSING", app=FakeApp())

    assert (ended.code, ended.stdout) == (2, "")
    assert "asked for (222222222222, current; states=MISSING)" in ended.stderr
    assert "patchsweep scans" in ended.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["query", "SELECT 1", "--scan", "{}"],
        ["cve", "CVE-2026-12345", "--scan", "{}"],
        ["check", "--max-unread", "5", "--scan", "{}"],
        ["report", "{}"],
        ["diff", "{}"],
        ["scans", "show", "{}"],
        ["scans", "times", "{}"],
        ["publish", "{}", "--sink", "csv:out"],
    ],
    ids=" ".join,
)
def test_a_scan_that_is_named_excludes_the_options_that_choose_one(words, tmp_path):
    (nightly,) = _scans(tmp_path, NIGHTLY)

    named = [word.format(nightly) for word in words]
    ended = run(*named, "--store", str(tmp_path), *NIGHTLY_OPTIONS, app=FakeApp())

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("patchsweep: --accounts, --regions: these options choose")
    assert nightly in ended.stderr


def test_publish_hands_the_scope_on(tmp_path):
    app = FakeApp()

    assert run("publish", "--sink", "csv:out", *NIGHTLY_OPTIONS, app=app).code == 0
    assert (app.settings.scope.accounts, app.settings.scope.regions) == (("organization",), ("enabled",))


@pytest.mark.parametrize("options", [["--regions", "enabled"], ["--accounts", "organization"], NIGHTLY_OPTIONS])
def test_a_scan_of_the_demonstration_is_chosen_where_aws_has_none(options, tmp_path):
    (demo,) = _scans(tmp_path, NIGHTLY, demo=True)

    ended = run(*READERS["query"], "--store", str(tmp_path), *options, app=FakeApp())

    assert json.loads(ended.stdout) == {"scan_id": demo}


def test_a_file_whose_role_is_named_elsewhere_does_for_a_command_that_reads_a_store(tmp_path):
    (nightly,) = _scans(tmp_path, NIGHTLY)
    (tmp_path / "nightly.toml").write_text('[scope]\naccounts = ["organization"]\nregions = ["enabled"]\n')

    config = ["--config", str(tmp_path / "nightly.toml")]
    ended = run(*READERS["query"], "--store", str(tmp_path), *config, app=FakeApp())

    assert json.loads(ended.stdout) == {"scan_id": nightly}


def test_whatever_makes_two_scans_comparable_is_an_option_of_every_reader():
    parts = {
        f"{section}.{name}"
        for section, kind in get_type_hints(ComparablePart).items()
        if section != "demo"
        for name in get_type_hints(kind)
    }
    not_compared = {"scope.role_name", "scope.has_external_id", "nodes.tag_keys", "patches.not_applicable"}

    assert set(LATEST) == parts - not_compared
    for words in [*READERS.values(), ["publish"]]:
        command = patchsweep.get_command(click.Context(patchsweep), words[0])
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words[1])
        assert {path.replace(".", "__") for path in LATEST} <= {each.name for each in command.params}
