"""CSV that keeps its data and that no spreadsheet runs."""

from __future__ import annotations

import codecs
import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.csv_text import are_cells, csv_cell
from scanner.core.errors import ConfigError
from scanner.core.safe_text import safe_cell
from scanner.core.tables import PATCHES, TABLES
from scanner.sinks.context import SinkContext
from scanner.sinks.folder.csv import CSV, csv_sink
from scanner.sinks.testing.samples import awkward_scan
from tests.sinks.publishing import publish

SCAN = awkward_scan("s1")


def encoded(name, table):
    return b"".join(CSV.encoder(name, TABLES[name])(table))


def lines(title):
    row = {**SCAN.batches[0].patches.slice(0, 1).to_pylist()[0], "title": title}
    return encoded("patches", pa.Table.from_pylist([row], PATCHES))


def cell(title):
    return next(csv.reader(io.StringIO(lines(title).decode(), newline="")))[5]


def test_a_file_begins_with_the_names_of_its_columns():
    assert CSV.head(PATCHES) == (
        b"scan_id,account_id,region,instance_id,kb_id,title,classification,severity,state,installed_time,cve_ids,"
        b"as_of,missing_since,package_missing_since\r\n"
    )


def test_a_title_that_a_spreadsheet_would_run_is_a_text():
    for title in ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"):
        assert cell(title).startswith("'")
    assert cell("Security Update = good") == "Security Update = good"


def test_a_file_keeps_control_characters_and_line_ends_as_they_are():
    title = 'first\nsecond\r\n\x1b[2J\x9b "third", x\u202e\0'
    assert cell(title) == title


def test_lists_are_joined_and_nothing_is_an_empty_cell():
    rows = list(csv.reader(io.StringIO(encoded("patches", SCAN.batches[0].patches).decode(), newline="")))
    assert rows[0][9:11] == ["2026-11-23T12:00:00.000Z", "CVE-2024-1 CVE-2024-2"]
    assert rows[2][5:11] == ["", "", "", "MISSING", "", ""]
    scans = encoded("scans", SCAN.summary.scans).decode()
    assert ",INSTALLED MISSING," in scans


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
TITLES = st.lists(st.none() | TEXTS | TEXTS.map("=".__add__), max_size=8)


@pytest.mark.slow
@given(TITLES)
def test_the_lines_are_those_of_the_standard_library_for_guarded_cells(titles):
    sample = SCAN.batches[0].patches.slice(0, 1).to_pylist()[0]
    table = pa.Table.from_pylist([{**sample, "title": title} for title in titles], PATCHES)
    expected = io.StringIO(newline="")
    before, after = [sample[name] for name in PATCHES.names[:5]], ["Security", "Important", "INSTALLED"]
    as_of = sample["as_of"].isoformat(timespec="milliseconds").replace("+00:00", "Z") if sample["as_of"] else ""
    csv.writer(expected).writerows(
        [
            *before,
            title and safe_cell(title),
            *after,
            "2026-11-23T12:00:00.000Z",
            "CVE-2024-1 CVE-2024-2",
            as_of,
            "",
            "",
        ]
        for title in titles
    )

    assert encoded("patches", table).decode() == expected.getvalue()


async def test_a_folder_for_excel_begins_its_files_with_a_byte_order_mark_and_others_do_not(tmp_path):
    for where in ("plain", "excel?bom=true", "off?bom=false"):
        await publish(csv_sink(f"{tmp_path}/{where}", SinkContext("s1", pytest.fail, io.BytesIO())), SCAN)

    files = {name: (tmp_path / name / "patches.csv").read_bytes() for name in ("plain", "excel", "off")}

    assert files["excel"] == codecs.BOM_UTF8 + files["plain"]
    assert files["off"] == files["plain"]
    assert "更新" in files["plain"].decode()


@pytest.mark.parametrize("option", ["bon=true", "bom=yes", "bom=", "bom=true&x=1"])
def test_an_option_that_there_is_not_is_refused_before_the_scan(tmp_path, option):
    with pytest.raises(ConfigError, match=r"the sink csv:.* has"):
        csv_sink(f"{tmp_path}/out?{option}", SinkContext("s1", pytest.fail, io.BytesIO()))


async def test_a_question_mark_that_no_option_follows_belongs_to_the_folder(tmp_path):
    await publish(csv_sink(f"{tmp_path}/what?", SinkContext("s1", pytest.fail, io.BytesIO())), SCAN)
    assert (tmp_path / "what?" / "patches.csv").exists()


@pytest.mark.slow
@given(st.lists(st.text(st.sampled_from('aZ09é -+=@,"\r\n\t\uff1d'), max_size=4), max_size=5))
def test_texts_that_are_taken_for_cells_unseen_are_those_that_the_rule_leaves_as_they_are(texts):
    if are_cells([text[:1] for text in texts], "".join(texts).encode()):
        assert list(map(csv_cell, texts)) == texts
