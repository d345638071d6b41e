"""What a scan has to do, as frozen settings with their defaults; `scanner.cli.settings` reads them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field, structs

from scanner.core.model import Mode
from scanner.core.safe_text import MASK, mask_destination, mask_secrets

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
TransportName = Literal["direct", "sdk"]


class ScopeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which accounts, Regions and nodes. `accounts` and `regions` hold one keyword or a list of ids."""

    accounts: tuple[str, ...] = ("current",)  # `current`, `organization`, or account ids
    exclude_accounts: tuple[str, ...] = ()
    #: Ids of organizational units or roots, only with `organization`: the accounts anywhere below one; empty means all.
    ous: tuple[str, ...] = ()
    exclude_ous: tuple[str, ...] = ()
    regions: tuple[str, ...] = ("current",)  # `current`, `enabled` (asked per account), or Region names
    exclude_regions: tuple[str, ...] = ()
    role_name: str | None = None  # The role assumed in every account but the caller's own
    external_id: str | None = None

    def __repr__(self) -> str:
        return _repr(self, external_id=self.external_id and MASK)


class NodeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which managed nodes; empty means all. All conditions must hold, any value of one will do."""

    tags: dict[str, tuple[str, ...]] = {}
    #: The keys of the tags that are delivered, whose values may hold secrets; empty means all but those of AWS.
    tag_keys: tuple[str, ...] = ()
    platform_types: tuple[Literal["Windows", "Linux", "MacOS"], ...] = ()
    ping_statuses: tuple[Literal["Online", "ConnectionLost", "Inactive"], ...] = ()


class PatchSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which patches, by the server-side filters of DescribeInstancePatches; empty means all."""

    states: tuple[str, ...] = ()  # In the documented form, e.g. `MISSING`.
    severities: tuple[str, ...] = ()
    classifications: tuple[str, ...] = ()
    kb_ids: tuple[str, ...] = ()
    #: Whether patches are listed that do not apply to the node; None: in every mode but `lean`.
    not_applicable: bool | None = None
    page_size: int = 50


class LimitSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How fast requests may be sent. Rates hold for each (account, Region, operation)."""

    rate_per_s: float = 10.0  # Where the limiter starts
    burst: float = 10.0
    min_rate_per_s: float = 0.5
    max_rate_per_s: float = 20.0
    max_in_flight: int | None = None  # Requests under way at once, over all targets; None: see `scanner.core.in_flight`
    max_open_targets: int = 256
    max_nodes_per_target: int = 16  # Nodes of one target read side by side
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    max_attempts: int = 6  # Tries of one request that fails for passing reasons; throttles do not count
    throttle_patience_s: float = 300.0  # How long one request may be throttled and nothing else
    #: The longest pause before a request is tried again for the first time; it doubles with each further try.
    retry_first_delay_s: float = 0.25
    retry_max_delay_s: float = 20.0
    max_node_restarts: int = 4


SourceUse = Literal["auto", "off", "required"]
UnmanagedUse = Literal["report", "gap"]


class CoverageSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which sources besides the patch calls are asked about machines.

    `auto`: asked; where AWS refuses, the scan goes on and says what was not asked. `required`: a refusal is a gap.
    """

    ec2: SourceUse = "auto"
    inventory: SourceUse = "auto"
    associations: SourceUse = "auto"
    tags: SourceUse = "auto"
    baselines: SourceUse = "auto"
    unmanaged: UnmanagedUse = "report"  # `gap`: a machine that Systems Manager does not manage makes the scan partial


class StoreSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where scans are kept and how often they are made durable."""

    location: str = "./patchsweep-data"  # A folder or `s3://bucket/prefix`
    flush_rows: int = 100_000
    flush_interval_s: float = 5.0
    #: S3: the KMS key (id, ARN or alias) that encrypts what is written; None: as the bucket encrypts by itself.
    kms_key_id: str | None = None
    #: S3: the canned ACL of what is written; needed only where another account owns the bucket and uses ACLs.
    acl: str | None = None
    #: S3: the account that must own the bucket; every request is refused if another one does.
    expected_bucket_owner: str | None = None
    lease_s: float = 60.0  # Where a store has no locks: how long after the end of a killed run its scan can be resumed
    #: Resume although the store can neither lock nor write on conditions, so that two runs may hold one scan.
    resume_without_lease: bool | None = None


class FeedSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Vulnerability feeds that the user downloaded, each a path or `s3://bucket/key`; patchsweep fetches none."""

    kev: str | None = None  # CISA's catalogue of known exploited vulnerabilities, JSON or CSV
    epss: str | None = None  # EPSS scores, CSV, also gzipped
    msrc: tuple[str, ...] = ()  # Microsoft's monthly CVRF documents, JSON; also folders or archives of them
    osv: tuple[str, ...] = ()  # OSV records of Ubuntu and Debian, JSON; also folders or archives of them


Clock = Literal["patch", "package"]


class CheckSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The policy of `patchsweep check`; a rule that is not set is not checked."""

    max_age: tuple[str, ...] = ()  # How long a patch may be lacking by severity: `Critical=14d`, `*=90d` for all others
    #: Which patch the age is counted for: this version of it, or the package or KB in any version.
    clock: Clock = "patch"
    #: How many machines may be without evidence: not read, stale, stopped, without patch data. None: with one of them
    #: nothing is known to be met.
    max_unread: int | None = None
    max_unmanaged: int | None = None  # How many machines Systems Manager may not manage
    waivers: str | None = None  # A TOML or CSV file of exceptions


class NotifySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets the summary of a scan when it ends."""

    #: `sns:TOPIC_ARN`, `eventbridge:BUS`, `webhook:URL` or `slack:URL`; the path of a URL counts as a secret.
    to: tuple[str, ...] = ()
    when: Literal["always", "problems"] = "always"  # `problems`: not for a scan that ends with 0
    timeout_s: float = 30.0  # How long one destination may take, its retries included
    #: Signs what webhooks get, as Standard Webhooks says: `whsec_` and base64, or any text.
    webhook_secret: str | None = None
    webhook_secret_file: str | None = None  # A file with that secret, which wins

    def __repr__(self) -> str:
        return _repr(self, to=tuple(map(mask_destination, self.to)), webhook_secret=self.webhook_secret and MASK)


class MetricsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the numbers of a scan go when it ends."""

    #: `emf` (a line on stderr), `emf:FILE` (appended to it), `prometheus:FILE`, or `otel` (to OTEL_* variables).
    to: tuple[str, ...] = ()
    namespace: str = "patchsweep"  # of CloudWatch, for `emf`


class ViewSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What SQL over stored scans may use of this machine."""

    memory_mb: int = 384  # For its tables; the process takes up to 300 MB besides
    spill_folder: str | None = None  # Where larger sorts and joins go meanwhile; None: the system's temporary folder


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a run needs to know; field names are the keys of the TOML file."""

    scope: ScopeSettings = field(default_factory=ScopeSettings)
    nodes: NodeSettings = field(default_factory=NodeSettings)
    patches: PatchSettings = field(default_factory=PatchSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    coverage: CoverageSettings = field(default_factory=CoverageSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    views: ViewSettings = field(default_factory=ViewSettings)
    feeds: FeedSettings = field(default_factory=FeedSettings)
    check: CheckSettings = field(default_factory=CheckSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    mode: Mode = "full"
    #: How SSM requests travel: signed and sent by patchsweep, or through the SDK's own slower pipeline.
    transport: TransportName = "direct"
    full_scan_every_days: int = 7  # In delta and lean mode, how old the last whole reading of a node may be
    #: How old the data of a node may be before answers about it count as unknown; AWS's own schedules are daily.
    stale_after_days: int = 7
    sinks: tuple[str, ...] = ()  # `type:where`, one a sink
    #: How long a sink may take over one batch of nodes, or to show the scan, before the run goes on without it.
    sink_timeout_s: float = 300.0
    log_format: LogFormat = "auto"
    log_level: LogLevel = "info"  # from `warning` on there is no progress and no summary either
    progress: bool | None = None  # None: shown when stderr is a terminal
    label: str | None = None  # what a scan is called in lists, for people
    summary: str | None = None  # A file that gets the `scans` row and the outcome counts as JSON

    def __repr__(self) -> str:
        return _repr(self, sinks=tuple(map(mask_secrets, self.sinks)))


def _repr(settings: Struct, **shown: object) -> str:
    values = {**structs.asdict(settings), **shown}
    return f"{type(settings).__name__}({', '.join(f'{name}={value!r}' for name, value in values.items())})"
