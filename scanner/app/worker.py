"""`work`: reads one slice of a scan that `begin` planned; any number of workers read it at once and never meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import anyio
from msgspec import Struct, structs

from scanner.app.carry import carry_share
from scanner.app.deliver import Delivery
from scanner.app.demo import demo_settings, scan_clock
from scanner.app.open_journal import JournaledFleet, OpenJournal, open_journal
from scanner.app.outcomes import scope_of
from scanner.app.resume import ActiveScan, check_external_id, command_here, no_plan, requested_settings
from scanner.app.signals import Stop, stoppable
from scanner.app.slices import Slice, parse_slice, slice_targets
from scanner.app.suspects import Order, deaths_of, given_up, is_silent, order_of, unchanged
from scanner.app.work import Work, end_work, not_ended, read_targets, writing
from scanner.app.worker_aws import OpenAws, open_own_aws
from scanner.core.concurrency import unwrap_single_error
from scanner.core.errors import CredentialsError, Interrupted
from scanner.core.heap import return_free_memory
from scanner.core.interfaces import Fleet, Observer
from scanner.core.model import Target
from scanner.core.settings import Settings
from scanner.scan.batcher import PutRead
from scanner.store.done_nodes import DoneNodes
from scanner.store.history import History
from scanner.store.node_index import TargetKey
from scanner.store.open import open_store
from scanner.store.open_targets import OpenTargets
from scanner.store.plan_file import ScanPlan
from scanner.store.scan_writer import ScanWriter
from scanner.store.store import Store

SIGN_SPARE_S = 0.5  # beyond the time in which a worker that lives gives two signs


class WorkReport(Struct, frozen=True):
    """What a worker did: how many targets its slice has, and whether the scan was committed before it began."""

    scan_id: str
    slice: str
    targets: int = 0
    is_committed: bool = False


async def run_work(settings: Settings, scan_id: str, part: str, *, observers: Sequence[Observer]) -> WorkReport:
    """Reads the targets of one slice that no worker has read to its end.

    Args:
        settings: the store and the speed; what is read is what the scan was begun with.
        scan_id: a scan that `begin` planned.
        part: the slice as `I/N`. Two workers on one slice at once do no harm but to the time.
        observers: are called with what happens while it happens.

    Raises:
        Interrupted: by a signal; every node read by then is in the store.
        ScanNotFound: there is no such scan.
        ConfigError: the scan has no plan, or was begun with an external id that is not given now.
        PatchsweepError: AWS refuses the run as a whole, or the store failed.
    """
    mine = parse_slice(part)
    with unwrap_single_error():
        async with stoppable() as stop, open_store(settings) as store:
            if await store.is_committed(scan_id):
                return WorkReport(scan_id, part, is_committed=True)
            scan, plan = await join_scan(store, settings, scan_id)
            targets = slice_targets(plan.targets, mine)
            delivery = Delivery(store, await narrowed(scan, targets), None)
            await Worker(delivery, mine, observers).read(targets, stop)
            del delivery  # and with it what the last scan holds of the targets
            return_free_memory()
            with stop.phase():
                await carry_share(scan, plan, mine)
            if stop.signal_number is None:
                return WorkReport(scan_id, part, len(targets))
    command = command_here(settings, f"work {scan_id} --slice {part}")
    raise Interrupted(f"stopped; what was read is stored, and `{command}` goes on", stop.signal_number or 0)


async def join_scan(store: Store, settings: Settings, scan_id: str) -> tuple[ActiveScan, ScanPlan]:
    """Returns an unfinished scan as one of its workers sees it, and its plan.

    Raises:
        ScanNotFound: there is no such scan.
        ConfigError: the scan has no plan, or was begun with an external id that is not given now.
        StoreError: it cannot be read.
    """
    scan_id = await store.resolve_unfinished(scan_id)
    header = await store.header(scan_id)
    settings = demo_settings(settings) if header.demo else settings
    check_external_id(header.request, settings)
    stored = store.join_scan(scan_id)
    plan = await stored.read_plan()
    if plan is None:
        raise no_plan(settings, scan_id)
    settings = structs.replace(requested_settings(header.request, settings), sinks=())
    nothing = DoneNodes({}, [])
    clock = scan_clock(header.started_at, demo=header.demo)
    scan = ActiveScan(stored, header.started_at, settings, header.demo, is_resumed=True, done=nothing, clock=clock)
    return scan, plan


async def narrowed(scan: ActiveScan, targets: Sequence[Target]) -> ActiveScan:
    """Returns the scan with what it holds of these targets already.

    Raises:
        StoreError: it cannot be read.
    """
    wanted = {(target.account_id, target.region) for target in targets}
    return structs.replace(scan, done=await scan.stored.prepare_work(wanted))


Guard = Callable[[Fleet, Order], Fleet]  # wraps the fleet of a worker that shares its process with others


def _unguarded(fleet: Fleet, _order: Order) -> Fleet:
    return fleet


class Worker:
    """The steps of one worker."""

    def __init__(
        self,
        delivery: Delivery,
        part: Slice,
        observers: Sequence[Observer],
        guard: Guard = _unguarded,
        open_aws: OpenAws = open_own_aws,
    ) -> None:
        self._delivery = delivery
        self._part = part
        self._observers = observers
        self._guard = guard
        self._open_aws = open_aws

    async def read(self, targets: Sequence[Target], stop: Stop) -> None:
        """Reads the targets; after a signal some are left, and `stop.signal_number` is set.

        Raises:
            CredentialsError: AWS does not accept the credentials of the run; what was read by then is in the store.
        """
        scan = self._delivery.scan
        for observer in self._observers:
            observer.scan_opened(scope_of(scan.settings))
            observer.targets_found(len(targets))
        deaths: Mapping[TargetKey, int] = {}
        with stop.phase():
            deaths = deaths_of(await dead_workers(scan.stored.writer, self._part))
        order = order_of(not_ended(scan, targets, self._observers), deaths)
        history: History | None = None
        refusal: CredentialsError | None = None
        interval_s = scan.settings.store.flush_interval_s
        async with open_journal(scan.stored.writer, self._part, interval_s) as journal:
            async with writing(self._delivery) as put:
                with stop.phase():
                    try:
                        history = await self._in_order(order, deaths, journal, put)
                    except CredentialsError as error:
                        refusal = error
            if refusal is not None:
                raise refusal
            with stop.phase():
                await end_work(self._delivery, history)

    async def _in_order(
        self, order: Order, deaths: Mapping[TargetKey, int], journal: OpenJournal, put: PutRead
    ) -> History | None:
        scan = self._delivery.scan
        for target in order.given_up:
            key = (target.account_id, target.region)
            held = scan.done.targets.get(key)
            outcome = given_up(target, deaths[key], len(held.instance_ids) if held else 0)
            await scan.stored.writer.add_ended([structs.replace(outcome, finished_at=int(scan.clock() * 1000))])
            for observer in self._observers:
                observer.target_ended(outcome)
        async with self._open_aws(scan) as aws:
            self._delivery.hub = aws.hub
            fleet = self._guard(JournaledFleet(aws.fleet, journal, frozenset(order.alone)), order)
            work = Work([*order.first, *order.alone], self._observers, alone=len(order.alone))
            return await read_targets(self._delivery, fleet, work, put)


async def dead_workers(writer: ScanWriter, part: Slice) -> list[OpenTargets]:
    """Returns the workers of the same slice that were killed; one that may live is watched for two signs of life."""
    found = [each for each in await writer.list_open() if each.open.slice == str(part)]
    silent = [each.open for each in found if is_silent(each)]
    watched = [each for each in found if not is_silent(each)]
    if not watched:
        return silent
    await anyio.sleep(2 * max(each.open.interval_s for each in watched) + SIGN_SPARE_S)
    return [*silent, *unchanged(watched, await writer.list_open())]
