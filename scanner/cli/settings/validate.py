"""What is wrong with settings that have the right types, all of it at once."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator

from scanner.cli.settings.keys import KEYS
from scanner.core.did_you_mean import did_you_mean
from scanner.core.errors import ConfigError
from scanner.core.safe_text import mask_secrets
from scanner.core.scope_rules import Problem, scope_problems
from scanner.core.settings import LimitSettings, PatchSettings, Settings
from scanner.core.state_names import PATCH_STATES
from scanner.core.store_rules import store_problems
from scanner.notify.destination import parse_destination
from scanner.reports.check.policy import age_limits
from scanner.reports.metrics.destination import metrics_target
from scanner.sinks.spec import parse_spec

_STATES = ", ".join(PATCH_STATES)
_SEVERITIES = ("Critical", "Important", "Moderate", "Medium", "Low", "Unspecified")
_PAGE_SIZES = range(10, 101)
# SSM: a filter value has up to 256 characters.
_LONGEST_FILTER_VALUE = 256
_MOST = 1_000_000_000  # far beyond any fleet, memory in MB or wait in seconds; DuckDB counts bytes in 64 bits
_LONGEST_NAMESPACE = 255  # CloudWatch API, PutMetricData


def problems(settings: Settings, where: Callable[[str], str] = str) -> list[str]:
    """Returns one line for each thing that cannot work, `where` giving the user's name for a dotted key."""
    found = [
        *_text_problems(settings),
        *scope_problems(settings.scope),
        *_tag_problems(settings.nodes.tags),
        *_patch_problems(settings.patches),
        *_mode_problems(settings),
        *_limit_problems(settings.limits),
        *_run_problems(settings),
        *_sink_problems(settings.sinks),
        *_announcement_problems(settings),
    ]
    return [f"{where(path)}: {text}" for path, text in found]


def _text_problems(settings: Settings) -> Iterator[Problem]:
    """Yields the texts with control characters, which come with a line end of Windows or a careless paste.

    A store path with a carriage return would become a folder of that name. Halves of surrogate pairs are bytes that
    are not UTF-8.
    """
    for path in KEYS:
        value: object = settings
        for name in path.split("."):
            value = getattr(value, name)
        wrong = next((char for text in _texts(value) for char in text if _is_control(char)), None)
        if wrong is not None:
            is_byte = unicodedata.category(wrong) == "Cs"
            what = "a byte that is not UTF-8" if is_byte else f"a control character (U+{ord(wrong):04X})"
            yield path, f"the value has {what}; remove it"


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from (*_texts(name), *_texts(inner))
    elif isinstance(value, tuple):
        for inner in value:
            yield from _texts(inner)


def _tag_problems(tags: dict[str, tuple[str, ...]]) -> Iterator[Problem]:
    for name, values in tags.items():
        if not name or not values or not all(values):
            yield "nodes.tags", f"tag {name!a} needs a key and at least one value"


def _patch_problems(patches: PatchSettings) -> Iterator[Problem]:
    for state in patches.states:
        if state not in PATCH_STATES:
            yield (
                "patches.states",
                f"{state!a} is not one of {_STATES}{did_you_mean(state, PATCH_STATES)}",
            )
    for severity in patches.severities:
        # Debian's priorities are lower-case words of their own, so only a near miss of a severity is refused.
        known = [name for name in _SEVERITIES if name.lower() == severity.lower()]
        if known and severity not in known and severity != "important":
            yield "patches.severities", f"{severity!a} matches no patch: write it as {known[0]}"
    for name in ("severities", "classifications", "kb_ids"):
        for value in getattr(patches, name):
            if not 0 < len(value) <= _LONGEST_FILTER_VALUE:
                yield f"patches.{name}", f"a value has 1 to {_LONGEST_FILTER_VALUE} characters, one has {len(value)}"
    if patches.page_size not in _PAGE_SIZES:
        yield "patches.page_size", f"{patches.page_size} is outside 10 to 100"


def _mode_problems(settings: Settings) -> Iterator[Problem]:
    patches = settings.patches
    if patches.not_applicable is False and "NOT_APPLICABLE" in patches.states:
        yield "patches.not_applicable", "patches.states asks for NOT_APPLICABLE; leave one of the two out"
    given = [name for name in ("states", "severities", "classifications", "kb_ids") if getattr(patches, name)]
    if settings.mode == "lean" and given:
        yield (
            "mode",
            f"lean mode takes no filter of patches ({', '.join(given)}); with a filter, full is as cheap",
        )


def _limit_problems(limits: LimitSettings) -> Iterator[Problem]:
    low, start, high = limits.min_rate_per_s, limits.rate_per_s, limits.max_rate_per_s
    for name in ("rate_per_s", "min_rate_per_s", "max_rate_per_s", "connect_timeout_s", "read_timeout_s"):
        yield from _at_least(f"limits.{name}", getattr(limits, name), 0, exclusive=True)
    if limits.max_in_flight is not None:
        yield from _at_least("limits.max_in_flight", limits.max_in_flight, 1)
    for name in ("burst", "max_open_targets", "max_nodes_per_target", "max_attempts"):
        yield from _at_least(f"limits.{name}", getattr(limits, name), 1)
    for name in ("throttle_patience_s", "retry_first_delay_s", "retry_max_delay_s", "max_node_restarts"):
        yield from _at_least(f"limits.{name}", getattr(limits, name), 0)
    if low > start:
        yield "limits.rate_per_s", f"{start:g} a second is below limits.min_rate_per_s ({low:g})"
    if start > high:
        yield "limits.rate_per_s", f"{start:g} a second is above limits.max_rate_per_s ({high:g}); raise that too"


def _run_problems(settings: Settings) -> Iterator[Problem]:
    yield from _at_least("store.flush_rows", settings.store.flush_rows, 1)
    yield from _at_least("store.flush_interval_s", settings.store.flush_interval_s, 0, exclusive=True)
    yield from _at_least("views.memory_mb", settings.views.memory_mb, 64)
    yield from _at_least("full_scan_every_days", settings.full_scan_every_days, 1)
    yield from _at_least("stale_after_days", settings.stale_after_days, 1)
    yield from _at_least("sink_timeout_s", settings.sink_timeout_s, 0, exclusive=True)
    yield from store_problems(settings.store)
    for name in ("max_unread", "max_unmanaged"):
        value = getattr(settings.check, name)
        yield from _at_least(f"check.{name}", value, 0) if value is not None else ()
    try:
        age_limits(settings.check.max_age)
    except ConfigError as error:
        yield "check.max_age", str(error)
    if settings.summary == "":
        yield "summary", "name a file"


def _at_least(path: str, value: float, bound: float, *, exclusive: bool = False) -> Iterator[Problem]:
    # Written so that NaN, which compares as false, is refused.
    good = value > bound if exclusive else value >= bound
    if not good:
        yield path, f"{value:g} is not {'above' if exclusive else 'at least'} {bound:g}"
    elif value > _MOST:
        yield path, f"{value:g} is above {_MOST:,}, the most that a number may be here"


def _sink_problems(sinks: tuple[str, ...]) -> Iterator[Problem]:
    for spec, times in Counter(sinks).items():
        try:
            parse_spec(spec)
        except ConfigError as error:
            yield "sinks", str(error)
        if times > 1:
            yield "sinks", f"{mask_secrets(spec)} is given {times} times"


def _announcement_problems(settings: Settings) -> Iterator[Problem]:
    yield from _at_least("notify.timeout_s", settings.notify.timeout_s, 0, exclusive=True)
    for path, texts, parse in (
        ("notify.to", settings.notify.to, parse_destination),
        ("metrics.to", settings.metrics.to, metrics_target),
    ):
        for text in texts:
            try:
                parse(text)
            except ConfigError as error:
                yield path, str(error)
    if not 0 < len(settings.metrics.namespace) <= _LONGEST_NAMESPACE or settings.metrics.namespace.startswith("AWS/"):
        yield "metrics.namespace", f"a namespace has 1 to {_LONGEST_NAMESPACE} characters and does not begin with AWS/"
