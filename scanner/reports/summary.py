"""What a scan ends with, as text and as JSON: first what was covered and what was not, then patches, cost, way on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from shlex import quote

from msgspec import json, structs

from scanner.core.model import EpochMs, NodeStatus, ScanRow, ScanStatus, Scope, TargetStatus
from scanner.core.settings import StoreSettings
from scanner.reports.gap_groups import Gap, GapGroup, group_gaps
from scanner.reports.group_counts import group_lines
from scanner.reports.lines import Line, Tone, breakdown, counted, duration, entry, wrapped
from scanner.reports.machines import alternating_sentence, machines_sentence, refreshed_sentence, stale_sentence
from scanner.reports.not_asked import not_asked_lines
from scanner.reports.scan_result import GAPS_KEPT, ScanResult
from scanner.reports.statuses import node_gaps, sql_list

#: As AWS ranks them, the worst first; distributions have words of their own.
SEVERITIES = ("Critical", "Important", "Moderate", "Medium", "Low")

#: Of the summary as JSON: raised when a member is renamed, removed or means something else.
SCHEMA_VERSION = 1
ACCOUNTS_SHOWN = 5
LABELS_SHOWN = 3  # of targets or nodes with the same reason
UNREAD_TARGETS = f"FROM targets WHERE status <> '{TargetStatus.SCANNED.value}'"
DISABLED_TARGETS = "FROM targets WHERE status = 'disabled'"
_TONES: dict[ScanStatus, Tone] = {ScanStatus.COMPLETE: "good", ScanStatus.PARTIAL: "warn", ScanStatus.FAILED: "bad"}


def summary(result: ScanResult, width: int = 80) -> list[Line]:
    """Returns the end-of-run text, no line longer than `width` where the words allow it."""
    return [
        *_machines(result, width),
        *wrapped(headline(result.scan), width, _TONES[result.scan.status]),
        *_coverage(result, width),
        *_patches(result, width),
        *(group_lines(result.groups, width) if result.groups is not None else ()),
        *_run(result, width),
        *_next(result),
    ]


def summary_json(result: ScanResult, exit_code: int) -> bytes:
    """Returns the summary as a JSON object."""
    return json.format(json.encode(summary_document(result, exit_code)), indent=2) + b"\n"


def summary_document(result: ScanResult, exit_code: int) -> dict[str, object]:
    """Returns the members of the summary: the `scans` row with its counts, then how it ended. Times are RFC 3339."""
    scan = result.scan
    return {
        "schema_version": SCHEMA_VERSION,
        **structs.asdict(scan),
        "started_at": rfc3339(scan.started_at),
        "finished_at": rfc3339(scan.finished_at),
        "missing": worst_first(result.missing),
        "failed": worst_first(result.failed),
        "sink_failures": result.sink_failures,
        "stale": result.stale,
        "alternating_baselines": result.alternating_baselines,
        "not_asked": _not_asked(result),
        "oldest_installed_as_of": None if result.oldest_installed is None else rfc3339(result.oldest_installed),
        "notes": result.notes,
        **({} if result.groups is None else {"groups": result.groups}),
        "store": result.store,
        "elapsed_s": round(result.elapsed_s, 3),
        "gaps": result.gaps_by_cause(),
        "exit_code": exit_code,
    }


def _machines(result: ScanResult, width: int) -> Iterator[Line]:
    """Yields what is known of how many machines, then those whose data is too old to call fine."""
    if not any(result.scan.nodes.values()):
        return
    yield from wrapped(machines_sentence(result.scan.nodes), width)
    refreshed = result.scan.nodes.get(NodeStatus.REFRESHED, 0)
    if refreshed and result.oldest_installed is not None:
        yield from wrapped(refreshed_sentence(refreshed, result.oldest_installed, result.scan.finished_at), width)
    if result.stale:
        yield from wrapped(stale_sentence(result.stale), width, "warn")
    if alternating := alternating_sentence(result.alternating_baselines):
        yield from wrapped(alternating, width, "warn")


def rfc3339(at: EpochMs) -> str:
    """Returns a time in UTC to the millisecond."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def headline(scan: ScanRow) -> str:
    """Returns what became of the scan, as a sentence."""
    head = f"Scan {scan.scan_id} is {scan.status}"
    if scan.status is ScanStatus.COMPLETE:
        return f"{head}: everything in scope was read, {counted(sum(scan.nodes.values()), 'machine')} in all."
    if scan.status is ScanStatus.FAILED:
        return f"Scan {scan.scan_id} failed: nothing could be read."
    gaps = [(scan.scope.count_gaps(scan.targets), sum(scan.targets.values()), "target")]
    gaps.append((scan.scope.count_node_gaps(scan.nodes), sum(scan.nodes.values()), "node"))
    return (
        f"{head}: "
        + " and ".join(f"{gap:,} of {counted(total, noun)}" for gap, total, noun in gaps if gap)
        + " not read or not verified."
    )


def incomplete_nodes(scope: Scope) -> str:
    """Returns the query that names the nodes which keep a scan of this scope from being complete."""
    return f"FROM nodes WHERE status IN ({sql_list(node_gaps(scope))})"


def _coverage(result: ScanResult, width: int) -> Iterator[Line]:
    scan = result.scan
    yield from (Line(), Line("Coverage", "head"))
    yield from entry("targets", breakdown(scan.targets), width)
    yield from entry("nodes", breakdown(scan.nodes), width)
    targets = group_gaps(
        Gap(outcome.target, outcome.status, outcome.reason)
        for outcome in result.outcomes
        if scan.scope.is_gap(outcome.status)
    )
    for group in targets[:GAPS_KEPT]:
        yield from _gaps(group, "target", width)
    named = sum(min(len(group.gaps), LABELS_SHOWN) for group in targets[:GAPS_KEPT])
    yield from _more(result, sum(len(group.gaps) for group in targets) - named, "target", UNREAD_TARGETS)
    yield from _disabled(result, width)
    for line in _not_asked(result):
        yield from entry("", line, width, tone="warn", gap=0)
    nodes = result.node_gaps[:GAPS_KEPT]
    for group in group_gaps(Gap(gap.target, gap.status, gap.reason, gap.instance_id) for gap in nodes):
        yield from _gaps(group, "node", width)
    yield from _more(result, scan.scope.count_node_gaps(scan.nodes) - len(nodes), "node", incomplete_nodes(scan.scope))


def _disabled(result: ScanResult, width: int) -> Iterator[Line]:
    """Names the targets that are no gap because they are known to be off: what was not read is never left unsaid."""
    disabled = [
        str(outcome.target)
        for outcome in result.outcomes
        if outcome.status is TargetStatus.DISABLED and not result.scan.scope.is_gap(outcome.status)
    ]
    if disabled:
        listed = f"{counted(len(disabled), 'target')} not read: {', '.join(disabled[:GAPS_KEPT])}"
        yield from entry("disabled", listed, width, tone="dim")
    yield from _more(result, len(disabled) - GAPS_KEPT, "target", DISABLED_TARGETS)


def _not_asked(result: ScanResult) -> list[str]:
    return list(not_asked_lines((each.target, text) for each in result.outcomes for text in each.not_asked))


def _gaps(group: GapGroup, noun: str, width: int) -> Iterator[Line]:
    yield from entry(group.status, group.text(noun, LABELS_SHOWN), width, tone="warn")


def _more(result: ScanResult, hidden: int, noun: str, sql: str) -> Iterator[Line]:
    if hidden > 0:
        yield Line(f"  … and {counted(hidden, noun)} more:", "dim")
        yield Line(f"    {query_command(result.store, result.scan.scan_id, sql)}", "dim")


def _patches(result: ScanResult, width: int) -> Iterator[Line]:
    yield from (Line(), Line("Patches", "head"))
    states = result.scan.states
    for state, counts in (("MISSING", result.missing), ("FAILED", result.failed)):
        if states and state not in states:
            yield from entry(state.lower(), "not asked for (states filter)", width, tone="dim")
        elif total := sum(counts.values()):
            yield from entry(state.lower(), f"{total:,}: {breakdown(worst_first(counts))}", width)
        else:
            yield from entry(state.lower(), "none", width)
    worst = list(_by_count(result.lacking_by_account).items())[:ACCOUNTS_SHOWN]
    if worst:
        yield from entry("by account", ", ".join(f"{account}: {count:,}" for account, count in worst), width)


def worst_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Orders by severity as AWS ranks it; words of the distributions' own follow, the frequent ones first."""
    return {name: counts[name] for name in SEVERITIES if name in counts} | _by_count(counts)


def _by_count(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _run(result: ScanResult, width: int) -> Iterator[Line]:
    scan = result.scan
    yield from (Line(), Line("Run", "head"))
    cost = f"{counted(scan.patch_rows, 'patch row')} in {counted(scan.requests, 'call')}, {scan.throttles:,} throttled"
    yield from entry("read", f"{cost}, {duration(result.elapsed_s)}", width)
    yield from entry("store", result.store, width)
    for sink, reason in result.sink_failures.items():
        yield from entry("sink failed", f"{sink}: {reason}", width, tone="bad")
    for note in result.notes:
        yield from entry("note", note, width)


def _next(result: ScanResult) -> Iterator[Line]:
    if result.sink_failures:
        again = f"patchsweep publish {result.scan.scan_id}{store_option(result.store)} --sink SPEC"
        yield from (Line(), Line(f"Send it again: {again}", "dim"))
    elif result.scan.status is not ScanStatus.FAILED:
        sql = "SELECT account_id, count(*) AS missing FROM patches WHERE state = 'MISSING' GROUP BY 1 ORDER BY 2 DESC"
        yield from (Line(), Line(f"Next: {query_command(result.store, result.scan.scan_id, sql)}", "dim"))


def query_command(store: str, scan_id: str, sql: str) -> str:
    """Returns what to type to ask this scan, whichever is the newest by then; the SQL holds no double quotes."""
    return f'patchsweep query{store_option(store)} --scan {scan_id} "{sql}"'


def store_option(store: str) -> str:
    """Returns what names the store in a command, with a space before it, or nothing where it is the default."""
    return "" if store == StoreSettings().location else f" --store {quote(store)}"
