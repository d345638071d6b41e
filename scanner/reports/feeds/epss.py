"""Reads EPSS scores: how likely a CVE is to be exploited within 30 days, which is no evidence that it is exploited.

Source: FIRST's data files `epss_scores-YYYY-MM-DD.csv.gz`: one or two lines that begin with `#`, then
`cve,epss,percentile` and about 300,000 rows.
"""

from __future__ import annotations

import re
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from scanner.reports.feeds.feed import Feed, FeedKind, check_text, day_of, not_a_feed

EPSS = pa.schema(
    [
        pa.field("cve_id", pa.string(), nullable=False),
        pa.field("epss", pa.float64()),
        pa.field("percentile", pa.float64()),
    ]
)
_BOM = b"\xef\xbb\xbf"
_SCORE_DATE = re.compile(rb"score_date:\s*([0-9T:+Z-]+)")
_COLUMNS = {"cve": pa.string(), "epss": pa.float64(), "percentile": pa.float64()}


def read_epss(data: bytes, source: str) -> Feed:
    """Returns the scores of an unpacked file; the 300,000 rows stay in Arrow's columns.

    Raises:
        ConfigError: it is no such file, or no row has a CVE id and scores between 0 and 1.
    """
    check_text(FeedKind.EPSS, source, data)
    body, dated = _without_comments(data.removeprefix(_BOM))
    try:
        rows = csv.read_csv(
            pa.BufferReader(body),
            convert_options=csv.ConvertOptions(column_types=_COLUMNS, include_columns=list(_COLUMNS)),
        )
    except (pa.ArrowException, KeyError) as error:
        raise not_a_feed(FeedKind.EPSS, source, str(error)) from error
    fits = rows.filter(_fits(rows))
    if not fits.num_rows:
        raise not_a_feed(FeedKind.EPSS, source, "no row has a CVE id and scores between 0 and 1")
    table = fits.group_by("cve").aggregate([("epss", "max"), ("percentile", "max")])
    table = table.select(["cve", "epss_max", "percentile_max"]).cast(
        pa.schema([(name, kind) for name, kind in zip(table.column_names, _COLUMNS.values(), strict=True)])
    )
    return Feed(
        FeedKind.EPSS,
        (source,),
        dated,
        "score date",
        fits.num_rows,
        rows.num_rows - fits.num_rows,
        {"epss": pa.table(table.columns, schema=EPSS)},
    )


def _without_comments(data: bytes) -> tuple[bytes, date | None]:
    """Returns the lines after those that begin with `#`, and the score date that one of them names."""
    dated: date | None = None
    while data.startswith(b"#"):
        line, _, data = data.partition(b"\n")
        match = _SCORE_DATE.search(line)
        dated = day_of(match[1].decode()) if match else dated
        data = data.removeprefix(_BOM)
    return data, dated


def _fits(rows: pa.Table) -> pa.ChunkedArray:
    # A score that is not a number compares as false.
    checks = [pc.match_substring_regex(rows["cve"], r"^CVE-\d{4}-\d{4,19}$")]
    for name in ("epss", "percentile"):
        checks += [pc.greater_equal(rows[name], 0.0), pc.less_equal(rows[name], 1.0)]
    kept = checks[0]
    for check in checks[1:]:
        kept = pc.and_(kept, check)
    return pc.fill_null(kept, False)
