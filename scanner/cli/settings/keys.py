"""Every setting by its dotted key, with its type and the names it has as an option and as a variable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args, get_origin, get_type_hints

from msgspec import Struct

from scanner.core.settings import Settings

PREFIX = "PATCHSWEEP_"
CONFIG_VARIABLE = "PATCHSWEEP_CONFIG"  # Names the TOML file when `--config` does not

#: Keys whose values no message may quote.
SECRETS = frozenset({"scope.external_id", "sinks", "notify.to", "notify.webhook_secret"})

_REPEATABLE = frozenset({"sinks", "feeds.msrc", "feeds.osv", "notify.to", "metrics.to"})

_SHORT = {
    "store.location": "store",
    "nodes.tags": "tag",
    "nodes.platform_types": "platform",
    "nodes.ping_statuses": "ping_status",
    "limits.rate_per_s": "rate",
    "limits.max_rate_per_s": "max_rate",
    "sinks": "sink",
    "notify.to": "notify",
    "notify.when": "notify_when",
    "notify.timeout_s": "notify_timeout_s",
    "metrics.to": "metrics",
    "metrics.namespace": "metrics_namespace",
    "views.memory_mb": "views_memory_mb",
    "views.spill_folder": "views_spill_folder",
    "coverage.ec2": "coverage_ec2",
    "coverage.inventory": "coverage_inventory",
    "coverage.associations": "coverage_associations",
    "coverage.tags": "coverage_tags",
    "coverage.baselines": "coverage_baselines",
    "coverage.unmanaged": "coverage_unmanaged",
    "check.clock": "check_clock",
}


class Key(Struct, frozen=True):
    """One setting: `path` as in the file (`scope.role_name`), its type, its option and its variable."""

    path: str
    kind: object
    option: str
    variable: str

    @property
    def is_list(self) -> bool:
        return get_origin(self.kind) is tuple

    @property
    def is_table(self) -> bool:
        return get_origin(self.kind) is dict

    @property
    def is_repeatable(self) -> bool:
        """Returns whether the option is given once for each value, because a value may hold a comma."""
        return self.is_table or self.path in _REPEATABLE

    @property
    def separator(self) -> str:
        """Returns what stands between the values where several are written as one text."""
        return ";" if self.is_repeatable else ","

    @property
    def choices(self) -> tuple[str, ...]:
        """Returns the only values there are, or nothing where the values are free."""
        kind = get_args(self.kind)[0] if self.is_list else self.kind
        return tuple(value for value in get_args(kind) if isinstance(value, str))


def _keys(cls: type[Struct], prefix: str = "") -> Iterator[Key]:
    for name, kind in get_type_hints(cls).items():
        if isinstance(kind, type) and issubclass(kind, Struct):
            yield from _keys(kind, f"{name}.")
            continue
        short = _SHORT.get(prefix + name, name)
        yield Key(prefix + name, kind, "--" + short.replace("_", "-"), PREFIX + short.upper())


# What Kubernetes sets in every pod of a namespace with a Service named patchsweep, and Docker with a linked container.
_SERVICE_LINK = re.compile(
    r"PATCHSWEEP_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


def is_service_link(variable: str) -> bool:
    """Returns whether the variable describes a Service of the cluster and was not meant for us."""
    return bool(_SERVICE_LINK.fullmatch(variable))


#: Every setting by its dotted path, in the order of `Settings`.
KEYS: dict[str, Key] = {key.path: key for key in _keys(Settings)}

VARIABLES: dict[str, Key] = {key.variable: key for key in KEYS.values()}

SECTIONS = frozenset(path.partition(".")[0] for path in KEYS if "." in path)
