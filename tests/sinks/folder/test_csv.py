"""CSV that neither a spreadsheet nor a terminal obeys."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.safe_text import terminal_text
from scanner.core.tables import PATCHES, SCANS
from scanner.sinks.folder.csv import CSV
from scanner.sinks.testing.samples import awkward_scan

SCAN = awkward_scan("s1")


def lines(title):
    row = {**SCAN.batches[0].patches.slice(0, 1).to_pylist()[0], "title": title}
    return CSV.encoder("patches", PATCHES)(pa.Table.from_pylist([row], PATCHES))


def cell(title):
    return next(csv.reader(io.StringIO(lines(title).decode(), newline="")))[5]


def test_a_file_begins_with_the_names_of_its_columns():
    assert CSV.head(PATCHES) == (
        b"scan_id,account_id,region,instance_id,kb_id,title,classification,severity,state,installed_time,cve_ids\r\n"
    )


def test_a_title_that_a_spreadsheet_would_run_is_a_text():
    for title in ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"):
        assert cell(title).startswith("'")
    assert cell("Security Update = good") == "Security Update = good"


def test_a_row_is_one_line_whatever_the_title_holds():
    encoded = lines('first\nsecond\r\n\x1b[2J "third", fourth')
    assert encoded.count(b"\n") == 1
    assert cell('first\nsecond\x1b[2J "third", x') == 'first\\nsecond\\x1b[2J "third", x'


def test_lists_are_joined_and_nothing_is_an_empty_cell():
    rows = list(csv.reader(io.StringIO(CSV.encoder("patches", PATCHES)(SCAN.batches[0].patches).decode(), newline="")))
    assert rows[0][9:] == ["2026-11-23T12:00:00.000Z", "CVE-2024-1 CVE-2024-2"]
    assert rows[2][5:] == ["", "", "", "MISSING", "", ""]
    scans = CSV.encoder("scans", SCANS)(SCAN.summary.scans).decode()
    assert ",INSTALLED MISSING," in scans


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
TITLES = st.lists(st.none() | TEXTS | TEXTS.map("=".__add__), max_size=8)


@given(TITLES)
def test_every_title_comes_back_on_its_row_and_none_is_a_formula(titles):
    sample = SCAN.batches[0].patches.slice(0, 1).to_pylist()[0]
    table = pa.Table.from_pylist([{**sample, "title": title} for title in titles], PATCHES)

    encoded = CSV.encoder("patches", PATCHES)(table).decode()

    cells = [row[5] for row in csv.reader(io.StringIO(encoded, newline=""))]
    assert [cell.removeprefix("'") for cell in cells] == [
        terminal_text(title or "").removeprefix("'") for title in titles
    ]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
