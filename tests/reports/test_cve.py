"""Who lacks a fix, and of whom nobody can tell."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.core.errors import ConfigError
from scanner.core.model import NodeStatus, Scope, Target
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import LACKING_STATES
from scanner.files.local import LocalFiles
from scanner.reports.cve import LACKING, CveCoverage, check_filters, cve_coverage, cve_id_of, parameters, sentences
from scanner.store.store import Store
from tests.reports.open_store import views_of
from tests.store.samples import commit, node, scan_row

pytestmark = pytest.mark.slow

CVE = "CVE-2026-12345"
OTHER_ACCOUNT = Target("222222222222", "us-east-1")


def patched(number, *rows, status=NodeStatus.VERIFIED, **more):
    """A node whose patches have these (state, CVE ids)."""
    patches = [Patch(f"KB{place}", "title", "Security", "Critical", *row) for place, row in enumerate(rows)]
    return structs.replace(node(number, status=status, **more), patches=patch_rows_of(patches))


def row(state, cve_ids=""):
    return state, 0.0, cve_ids


async def asked(folder, nodes, scan=None):
    """The rows and the counts that a scan of these nodes gives."""
    store = Store(LocalFiles(folder))
    scan_id = await commit(store, [nodes])
    async with views_of(store, [scan_id]) as views:
        rows = (await views.fetch(LACKING, parameters(CVE))).to_pylist()
        return rows, await cve_coverage(views, scan or scan_row(scan_id, {}), CVE)


@pytest.mark.parametrize("state", LACKING_STATES)
async def test_a_patch_that_fixes_the_cve_and_is_not_in_effect_names_its_node(state, tmp_path):
    rows, counts = await asked(tmp_path, [patched(1, row(state, f"CVE-2026-1,{CVE}"))])

    assert [(r["account_id"], r["instance_id"], r["state"], r["kb_id"]) for r in rows] == [
        ("111111111111", "i-0001", state, "KB0")
    ]
    assert (counts.lacking, counts.accounts, counts.covers_all_nodes) == (1, 1, True)


async def test_installed_patches_and_those_of_other_cves_name_nobody(tmp_path):
    rows, counts = await asked(
        tmp_path, [patched(1, row("Installed", CVE), row("NotApplicable", CVE), row("Missing", f"{CVE}9"))]
    )

    assert rows == []
    assert (counts.lacking, counts.not_lacking, counts.covers_all_nodes) == (0, 1, True)


async def test_a_node_with_two_such_patches_is_two_rows_and_one_node(tmp_path):
    rows, counts = await asked(
        tmp_path,
        [
            patched(1, row("Missing", CVE), row("Failed", CVE)),
            patched(1, row("Missing", CVE), target=OTHER_ACCOUNT),
        ],
    )

    assert len(rows) == 3
    assert (counts.nodes, counts.lacking, counts.accounts) == (2, 2, 2)


async def test_a_node_that_lacks_nothing_lacks_no_fix_though_its_platform_names_no_cves(tmp_path):
    _, counts = await asked(tmp_path, [patched(1, row("Installed"))])

    assert (counts.not_lacking, counts.covers_all_nodes) == (1, True)


@pytest.mark.parametrize(
    ("unknown", "field"),
    [
        (patched(2, row("Missing"), row("Failed")), "without_cves"),
        (patched(2, status=NodeStatus.NO_PATCH_DATA), "no_patch_data"),
        *(
            (patched(2, status=status, reason="why"), "unread")
            for status in (NodeStatus.DENIED, NodeStatus.FAILED, NodeStatus.UNFINISHED, NodeStatus.MISMATCHED)
        ),
    ],
    ids=["names no CVE", "no patch data", "denied", "failed", "unfinished", "mismatched"],
)
async def test_a_node_nobody_can_tell_of_is_counted_and_never_passes_for_one_in_order(unknown, field, tmp_path):
    _, counts = await asked(tmp_path, [patched(1, row("Missing", "CVE-2026-1")), unknown])

    assert (counts.nodes, counts.not_lacking, getattr(counts, field), counts.covers_all_nodes) == (2, 1, 1, False)


async def test_a_mismatched_node_that_lists_the_patch_lacks_the_fix_all_the_same(tmp_path):
    _, counts = await asked(tmp_path, [patched(1, row("Missing", CVE), status=NodeStatus.MISMATCHED)])

    assert (counts.lacking, counts.unread, counts.covers_all_nodes) == (1, 0, True)


async def test_a_node_that_left_is_nobodys_concern(tmp_path):
    _, counts = await asked(tmp_path, [patched(1, status=NodeStatus.GONE)])

    assert (counts.nodes, counts.covers_all_nodes) == (0, True)


@pytest.mark.parametrize(
    ("regions", "unread"), [("eu-west-1,us-east-1", 3), ("enabled", 2)], ids=["named Regions", "the enabled ones"]
)
async def test_targets_that_were_not_read_keep_the_answer_from_being_whole(regions, unread, tmp_path):
    scan = structs.replace(
        scan_row("s", {}), scope=Scope("current", regions), targets={"scanned": 1, "denied": 2, "disabled": 1}
    )

    _, counts = await asked(tmp_path, [patched(1, row("Installed"))], scan)

    assert (counts.unread_targets, counts.covers_all_nodes) == (unread, False)


async def test_states_that_the_scan_left_out_keep_the_answer_from_being_whole(tmp_path):
    scan = structs.replace(scan_row("s", {}), states=("FAILED", "INSTALLED_PENDING_REBOOT", "MISSING"))

    _, counts = await asked(tmp_path, [patched(1, row("Missing", CVE))], scan)

    assert (counts.lacking, counts.unread_states, counts.covers_all_nodes) == (1, ("AVAILABLE_SECURITY_UPDATE",), False)
    assert list(sentences(counts, CVE, "SCAN"))[1] == (
        "Unknown for patches in AVAILABLE_SECURITY_UPDATE: left out by the scan's --states filter"
    )


def test_sentences_name_the_nodes_that_lack_it_and_every_gap():
    counts = CveCoverage(
        nodes=20, lacking=2, accounts=1, not_lacking=10, without_cves=3, no_patch_data=1, unread=4, unread_targets=1
    )

    assert list(sentences(counts, CVE, "SCAN")) == [
        f"{CVE}: 2 nodes in 1 account lack the fix; 10 do not (scan SCAN)",
        "Unknown for 3 nodes: AWS names no CVEs for their missing patches",
        "Unknown for 1 node: AWS has no patch data",
        "Unknown for 4 nodes: not read or not verified",
        "Unknown for 1 target: not read",
    ]


def test_an_answer_without_gaps_is_one_sentence():
    counts = CveCoverage(
        nodes=9, lacking=0, accounts=0, not_lacking=9, without_cves=0, no_patch_data=0, unread=0, unread_targets=0
    )

    assert list(sentences(counts, CVE, "SCAN")) == [f"{CVE}: no node lacks the fix, of 9 with an answer (scan SCAN)"]


@pytest.mark.parametrize("text", ["CVE-2026-12345", " cve-2026-12345\n"])
def test_an_id_is_taken_however_it_is_written(text):
    assert cve_id_of(text) == CVE


@pytest.mark.parametrize("text", ["", "CVE-2026-1", "2026-12345", "CVE-2026-12345'", "CVE-2026-12345 CVE-2026-1"])
def test_what_is_no_id_is_refused_with_an_example(text):
    with pytest.raises(ConfigError, match="expected CVE-2026-12345"):
        cve_id_of(text)


@pytest.mark.parametrize(
    "patches",
    [
        PatchFilters(states=("MISSING",)),
        PatchFilters(severities=("Critical",)),
        PatchFilters(classifications=("Security",)),
        PatchFilters(kb_ids=("KB1",)),
    ],
    ids=["states", "severities", "classifications", "KB ids"],
)
def test_a_scan_that_may_have_left_out_the_fix_is_refused_with_the_filter_that_did(patches):
    with pytest.raises(ConfigError, match=r"SCAN .* patches\.(states|severities|classifications|kb_ids)"):
        check_filters("SCAN", patches)


@pytest.mark.parametrize("states", [(), ("MISSING", "FAILED"), ("INSTALLED", "FAILED", "MISSING")])
def test_a_scan_of_what_is_missing_and_failed_will_do(states):
    check_filters("SCAN", PatchFilters(states=states))
