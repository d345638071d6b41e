"""What feeds say of known exploited vulnerabilities, as tables for SQL: what a KB covers, which versions are fixed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from scanner.reports.cve_feed_tables import is_kernel, latest_version
from scanner.reports.feeds.feed import Feed, FeedKind
from scanner.reports.feeds.supersedence import covered_by

#: A KB covers itself and all that it supersedes.
_COVERS = pa.schema([("kb_id", pa.string()), ("covered", pa.string())])
#: The KBs of which the feed does not tell all that they cover.
_OPEN = pa.schema([("kb_id", pa.string())])
_FIXES = pa.schema([("covered", pa.string()), ("cve_id", pa.string())])
_PACKAGES = pa.schema(
    [
        ("distribution", pa.string()),
        ("release", pa.string()),
        ("package", pa.string()),
        ("fixed", pa.string()),
        ("cve_id", pa.string()),
    ]
)


def kev_tables(feeds: Sequence[Feed]) -> dict[str, pa.Table]:
    """Returns the tables `kb_covers`, `kb_open`, `kb_fixes` and `kev_packages`, empty where no feed fills them."""
    wanted = frozenset(
        cve_id for feed in feeds if feed.kind is FeedKind.KEV for cve_id in feed.tables["kev"]["cve_id"].to_pylist()
    )
    rows: dict[str, Iterable[tuple[object, ...]]] = {}
    for feed in feeds:
        if feed.kind is FeedKind.MSRC:
            rows |= _of_msrc(feed, wanted)
        elif feed.kind is FeedKind.OSV:
            rows["kev_packages"] = _of_osv(feed)
    schemas = {"kb_covers": _COVERS, "kb_open": _OPEN, "kb_fixes": _FIXES, "kev_packages": _PACKAGES}
    return {name: _table(rows.get(name, ()), schema) for name, schema in schemas.items()}


def _of_msrc(feed: Feed, wanted: frozenset[str]) -> dict[str, Iterable[tuple[object, ...]]]:
    fixes, supersedes = feed.tables["msrc_fixes"], feed.tables["msrc_supersedes"]
    described = frozenset(fixes["kb_id"].to_pylist())
    edges = zip(supersedes["kb_id"].to_pylist(), supersedes["superseded"].to_pylist(), strict=True)
    covered = covered_by(described, edges)
    direct = zip(fixes["kb_id"].to_pylist(), fixes["cve_id"].to_pylist(), strict=True)
    return {
        "kb_covers": [(kb_id, each) for kb_id, kbs in covered.items() for each in kbs if each is not None],
        "kb_open": [(kb_id,) for kb_id, kbs in covered.items() if not kbs <= described],
        "kb_fixes": {(kb_id, cve_id) for kb_id, cve_id in direct if cve_id in wanted},
    }


def _of_osv(feed: Feed) -> Iterator[tuple[object, ...]]:
    """Yields the version of each package from which on it has the fix, kernels left out: old ones stay installed."""
    versions: dict[tuple[str, ...], list[object]] = {}
    for row in feed.tables["osv_fixes"].to_pylist():
        if not is_kernel(row["source_package"]):
            key = (row["distribution"], row["release"], row["package"], row["cve_id"])
            versions.setdefault(key, []).append(row["fixed"])
    for (distribution, release, package, cve_id), fixed in versions.items():
        yield distribution, release, package, latest_version(fixed), cve_id


def _table(rows: Iterable[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)
