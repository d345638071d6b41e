"""What feeds say of one CVE, as small tables for SQL: the KBs that carry its fix, and the versions that have it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cmp_to_key

import pyarrow as pa
import pyarrow.compute as pc

from scanner.reports.feeds.dpkg import compare_dpkg
from scanner.reports.feeds.feed import Feed, FeedKind
from scanner.reports.feeds.supersedence import carriers

#: `root` is a KB that fixes the CVE and that `kb_id` carries.
_CARRIERS = pa.schema([("kb_id", pa.string()), ("root", pa.string())])
#: The KBs that do not fix the CVE.
_OTHERS = pa.schema([("kb_id", pa.string())])
#: The KBs that fix the CVE on a Windows; an empty product is not Windows.
_REQUIRED = pa.schema([("product", pa.string()), ("root", pa.string())])
#: `fixed` is null where there is no fixed version, or several that cannot be compared.
_PACKAGES = pa.schema(
    [
        ("distribution", pa.string()),
        ("release", pa.string()),
        ("package", pa.string()),
        ("fixed", pa.string()),
        ("is_source", pa.bool_()),
        ("is_kernel", pa.bool_()),
    ]
)
#: The releases of which one record lists every package that the CVE affects, by its binary packages.
_WHOLE = pa.schema([("distribution", pa.string()), ("release", pa.string()), ("has_binaries", pa.bool_())])


def tables_of(feeds: Sequence[Feed], cve_id: str) -> dict[str, pa.Table]:
    """Returns the tables `cve_carriers`, `cve_others`, `cve_required`, `cve_packages` and `cve_releases`."""
    tables = {
        "cve_carriers": _CARRIERS.empty_table(),
        "cve_others": _OTHERS.empty_table(),
        "cve_required": _REQUIRED.empty_table(),
        "cve_packages": _PACKAGES.empty_table(),
        "cve_releases": _WHOLE.empty_table(),
    }
    for feed in feeds:
        if feed.kind is FeedKind.MSRC:
            tables |= _of_msrc(feed, cve_id)
        if feed.kind is FeedKind.OSV:
            tables |= _of_osv(feed, cve_id)
    return tables


def published_by_feed(feeds: Sequence[Feed], cve_id: str) -> date | None:
    """Returns the last day on which a feed published the CVE or a fix of it, None where none does.

    The date at which KEV added it is none: that may be years later, or days before a fix.
    """
    names = {FeedKind.MSRC: "msrc_fixes", FeedKind.OSV: "osv_fixes"}
    days = [_rows_of(feed.tables[names[feed.kind]], cve_id)["published"] for feed in feeds if feed.kind in names]
    return max((day for column in days for day in column.to_pylist() if day), default=None)


def _rows_of(table: pa.Table, cve_id: str) -> pa.Table:
    return table.filter(pc.equal(table["cve_id"], cve_id))


def _of_msrc(feed: Feed, cve_id: str) -> dict[str, pa.Table]:
    fixes, supersedes = feed.tables["msrc_fixes"], feed.tables["msrc_supersedes"]
    of_cve = _rows_of(fixes, cve_id)
    if not of_cve.num_rows:
        return {}
    described = {*fixes["kb_id"].to_pylist()}
    edges = zip(supersedes["kb_id"].to_pylist(), supersedes["superseded"].to_pylist(), strict=True)
    found = carriers(of_cve["kb_id"].to_pylist(), described, edges)
    others = described - found.roots.keys() - found.uncertain
    return {
        "cve_carriers": _table(((kb, root) for kb, roots in found.roots.items() for root in roots), _CARRIERS),
        "cve_others": _table(((kb_id,) for kb_id in others), _OTHERS),
        "cve_required": _table(
            {(row["product"] or "", row["kb_id"]) for row in of_cve.select(["product", "kb_id"]).to_pylist()}, _REQUIRED
        ),
    }


def _of_osv(feed: Feed, cve_id: str) -> dict[str, pa.Table]:
    rows = _rows_of(feed.tables["osv_fixes"], cve_id).to_pylist()
    packages: dict[tuple[str, str, str], list[dict[str, object]]] = {}
    releases: dict[tuple[str, str], bool] = {}
    for row in rows:
        packages.setdefault((row["distribution"], row["release"], row["package"]), []).append(row)
        release = (row["distribution"], row["release"])
        if row["is_whole"]:
            releases[release] = releases.get(release, True) and not row["is_source"]
    return {
        "cve_packages": _table(
            (
                (
                    *key,
                    latest_version([each["fixed"] for each in found]),
                    any(each["is_source"] for each in found),
                    any(is_kernel(str(each["source_package"])) for each in found),
                )
                for key, found in packages.items()
            ),
            _PACKAGES,
        ),
        "cve_releases": _table(((*release, binaries) for release, binaries in releases.items()), _WHOLE),
    }


def latest_version(versions: Sequence[object]) -> str | None:
    """Returns the newest of the versions at which records say that a CVE is fixed; None where that cannot be told.

    Where Ubuntu Pro has a fix that the release itself has not, its version is the only one.
    """
    named = [version for version in versions if isinstance(version, str)]
    if not named or any(compare_dpkg(version, version) is None for version in named):
        return None
    return max(named, key=cmp_to_key(_order))


def _order(left: str, right: str) -> int:
    return compare_dpkg(left, right) or 0


def is_kernel(source_package: str) -> bool:
    """Returns whether it is a kernel, of which old versions stay installed and an old one may be running."""
    return source_package == "linux" or source_package.startswith("linux-")


def _table(rows: Iterable[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)
