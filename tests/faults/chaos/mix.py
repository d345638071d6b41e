"""What a seed means: the world, everything that goes wrong in it, and which scans are run over it."""

from __future__ import annotations

from random import Random
from typing import Literal

from msgspec import Struct, structs

from scanner.simulator.world.faults import Faults
from tests.faults.chaos.kinds import HARMLESS, OF_S3, REFUSED, SURPLUS

#: A request to AWS, a change to the folder of the store, a request to S3, or so many milliseconds of running.
KillAt = Literal["request", "change", "put", "time"]


class Kill(Struct, frozen=True):
    """How one run of a scan is ended from outside: by what, when, and at which moment of a request."""

    at: KillAt
    number: int
    moment: Literal["before", "between", "after"] = "before"
    by: Literal["SIGKILL", "SIGTERM"] = "SIGKILL"


class ScanMix(Struct, frozen=True):
    """One scan of the seed: its mode, the share of nodes that is patched before it, and how it is interrupted.

    AWS scans the other nodes again before it: of the share `superseded` other updates are missing, as many as before.
    """

    mode: str
    patched: float
    kills: tuple[Kill, ...]
    is_whole_process: bool
    has_sink: bool
    rescanned: float = 0.0
    superseded: float = 0.0
    lets_it_choose: bool = False
    """Every run by `--resume-or-start`, as schedulers do, and not by what the store is seen to hold."""
    keys_die_at: int | None = None
    """The request of the scan at which the caller's own keys are deleted; they work again in the next run."""


class Mix(Struct, frozen=True):
    """All that a seed decides."""

    seed: int
    is_small: bool
    accounts: int
    regions: int
    nodes: int
    rows: int
    unlisted: int  # EC2 instances of each target that Systems Manager does not list
    faults: Faults
    rate_per_s: float | None  # What AWS grants for DescribeInstancePatches; None: no limit
    sessions_end_at: int | None  # The request to the simulator at which all assumed sessions end
    wire: dict[str, float]
    s3_wire: dict[str, float]
    transport: Literal["direct", "sdk"]
    is_tls: bool
    store: Literal["folder", "s3"]
    flush_rows: int
    max_open_targets: int
    page_size: int
    scans: tuple[ScanMix, ...]


#: Of which one is drawn for each further scan; a new mode is a word here and a rule in `findings`.
MODES_AFTER_THE_FIRST = ("full", "delta", "delta")
LEAN_SHARE = 0.4  # of the further scans; drawn apart, so that each seed keeps the rest of its mix


def mix_of(seed: int, *, small: bool = False) -> Mix:
    """The same for the same seed; `small`: as the gate runs it."""
    random = Random(f"chaos:{seed}")
    store = random.choice(["folder", "folder", "s3"])
    accounts = random.randint(1, 2 if small else 4)
    regions = random.randint(1, 2 if small else 3)
    nodes = random.randint(6, 16) if small else random.choice([random.randint(0, 20), random.randint(20, 90)])
    return Mix(
        seed=seed,
        is_small=small,
        accounts=accounts,
        regions=regions,
        nodes=nodes,
        rows=random.choice([5, 40, 60, 110, 170]),
        unlisted=random.choice([0, 1, 6]),
        faults=structs.replace(_faults(random, seed), filter_before_page=bool(seed % 2)),
        rate_per_s=random.choice([None, None, None, 80.0, 300.0]),
        sessions_end_at=random.choice([None, None, random.randint(5, 60)]),
        wire=_wire(random),
        s3_wire=_shares(random, OF_S3, 0.15) if random.random() < 0.5 else {},
        transport=random.choice(["direct", "direct", "sdk"]),
        is_tls=random.random() < 0.25,
        store=store,
        flush_rows=random.choice([50, 300, 1_000, 50_000]),
        max_open_targets=random.choice([1, 2, 64]),
        page_size=random.choice([50, 50, 50, 10, 23]),
        scans=tuple(_scan(random, number, store, nodes, small=small) for number in range(random.choice([1, 2, 2, 3]))),
    )


def _faults(random: Random, seed: int) -> Faults:
    """Some of the simulator's own: each is on in about a third of the seeds."""

    def some(*chances: float) -> float:
        return random.choice([0.0, 0.0, *chances])

    return Faults(
        seed=seed,
        internal_error_500=some(0.03), html_503=some(0.03), reset=some(0.03), truncated_body=some(0.03),
        cut_body=some(0.03), empty_body=some(0.03), missing_list=some(0.03), throttled=some(0.05),
        invalid_next_token=some(0.05), repeated_token=some(0.05), endless_pagination=some(0.02),
        early_expiry=some(0.05), early_expiry_after=20, max_consecutive=2, max_broken=1,
        empty_page=some(0.05), varying_page_sizes=random.random() < 0.2,
        end_of_listing=random.choice(["absent", "empty", "null"]),
        never_scanned=some(0.1), association_scanned=some(0.1), gone=some(0.1), denied=some(0.1),
        mismatched=some(0.1), connection_lost=some(0.1), listed_twice=some(0.2), state_twice=some(0.2),
        state_missing=some(0.1), counts_unknown=some(0.1), no_snapshot=some(0.2),
        patched_midway=some(0.4), stopped=some(0.2), stale=some(0.1), baseline_override=some(0.1),
        patched_midway_tokens=random.choice(["refused", "go_on"]),
        role_missing=some(0.3), scp_denied=some(0.2), not_enabled=some(0.2),
    )  # fmt: skip


def _wire(random: Random) -> dict[str, float]:
    """The chance of each kind; those that cost a connection or a second are rarer."""
    strength = random.choice([0.0, 0.5, 1.0, 2.0])
    shares = {
        **_shares(random, [kind.__name__ for kind in HARMLESS], 0.15 * strength),
        **_shares(random, [kind.__name__ for kind in REFUSED], 0.12 * strength),
        **_shares(random, [kind.__name__ for kind in SURPLUS], 0.08 * strength),
    }
    return {name: min(share, 0.004) if name == "too_late" else share for name, share in shares.items()}


def _shares(random: Random, names: list[str] | tuple[str, ...], together: float) -> dict[str, float]:
    """A chance for each of some of the names, which add up to this."""
    chosen = [name for name in names if random.random() < 0.7]
    return {name: together / len(chosen) for name in chosen} if together else {}


def _scan(random: Random, number: int, store: str, nodes: int, *, small: bool) -> ScanMix:
    is_whole = random.random() < (0.0 if small else 0.2)
    scan = ScanMix(
        mode=random.choice(MODES_AFTER_THE_FIRST) if number else random.choice(["full", "full", "full", "delta"]),
        patched=random.choice([0.0, 0.2, 0.5]) if number else 0.0,
        kills=tuple(_kill(random, store, nodes, is_whole=is_whole) for _ in range(random.choice([0, 1, 2, 2, 3]))),
        is_whole_process=is_whole,
        has_sink=random.random() < 0.5,
        lets_it_choose=random.random() < 0.4,
        keys_die_at=random.choice([None, None, None, random.randint(3, 10 + 2 * nodes)]),
    )
    days = Random(f"days:{random.random()}")
    if number and days.random() < LEAN_SHARE:
        scan = structs.replace(scan, mode="lean", rescanned=days.choice([0.5, 1.0]), superseded=days.choice([0.0, 0.3]))
    return scan


def _kill(random: Random, store: str, nodes: int, *, is_whole: bool) -> Kill:
    places: list[KillAt] = ["request", "request", "time"]
    places += ["put"] * 2 if store == "s3" else [] if is_whole else ["change"] * 2
    at = random.choice(places)
    # A number beyond the end of the run does nothing: then it ended before its kill.
    number = {"request": 10 + 2 * nodes, "change": 45, "put": 8, "time": 1_000}[at]
    return Kill(
        at=at,
        number=random.randint(1, number),
        moment=random.choice(["before", "between", "after"]),
        # Python itself handles no SIGTERM before the run is under way: sent at a moment of time it may come too early.
        by="SIGTERM" if at == "request" and random.random() < 0.25 else "SIGKILL",
    )
