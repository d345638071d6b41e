"""`type:where`, the way a user names a sink, with its secrets kept out of every text."""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec import Struct

from scanner.core.errors import ConfigError
from scanner.core.safe_text import mask_secrets

_OPTIONS = re.compile(r"(?P<where>.+?)\?(?P<options>[a-z_]+=[^=&?]*(?:&[a-z_]+=[^=&?]*)*)", re.DOTALL)
_TYPE = re.compile(r"[a-z][a-z0-9_+-]*\Z")


class SinkSpec(Struct, frozen=True, repr_omit_defaults=True):
    """`where` is what stands behind `type:`, or the whole text where that is a URL of its own (`postgresql://…`)."""

    type: str
    where: str

    @property
    def label(self) -> str:
        """Returns the spec as the user wrote it, less its secrets: for messages, logs and reports."""
        is_url = self.where.startswith(f"{self.type}://")
        return self.redacted(self.where if is_url else f"{self.type}:{self.where}")

    def redacted(self, text: str) -> str:
        """Returns the text with every secret of this spec masked."""
        return mask_secrets(text, secrets_of=self.where)

    def __repr__(self) -> str:
        return f"SinkSpec({self.label!r})"

    def __str__(self) -> str:
        return self.label


def parse_spec(text: str) -> SinkSpec:
    """Returns the parts of `type:where`.

    Raises:
        ConfigError: there is no type, or nothing behind it.
    """
    kind, colon, where = text.partition(":")
    spec = SinkSpec(kind, text if where.startswith("//") else where)
    if not (colon and where and _TYPE.match(kind)):
        raise ConfigError(
            f"the sink {spec.redacted(text)!r} is not written as type:where, "
            "like jsonl:-, csv:reports, duckdb:patches.duckdb or parquet:s3://bucket/prefix"
        )
    return spec


def split_flags(where: str, label: str, names: Collection[str]) -> tuple[str, dict[str, bool]]:
    """Returns what stands before `?name=true&…`, and each flag of `names`: false where it is not set.

    A `?` that no `name=value` follows belongs to the place.

    Raises:
        ConfigError: a flag of another name, or one that is neither true nor false; the message names the sink by
            `label`.
    """
    flags = dict.fromkeys(names, False)
    match = _OPTIONS.fullmatch(where)
    if match is None:
        return where, flags
    for option in match["options"].split("&"):
        name, _, value = option.partition("=")
        if name not in flags:
            raise ConfigError(f"the sink {label} has no option {name!r} (known: {', '.join(flags)})")
        if value not in ("true", "false"):
            raise ConfigError(f"the sink {label} has {name}={value}: write {name}=true or {name}=false")
        flags[name] = value == "true"
    return match["where"], flags
