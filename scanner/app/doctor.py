"""`doctor`: tries everything that a scan needs, and reads at most one page of anything."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import BinaryIO

from msgspec import structs

from scanner.app.check_outputs import try_sink
from scanner.app.demo import demo_settings, serving_demo
from scanner.app.filter_probe import measure_filtering
from scanner.app.outcomes import scope_of
from scanner.aws.open import Aws, open_aws
from scanner.aws.sdk.fixed_access import FixedAccess
from scanner.core.concurrency import map_bounded
from scanner.core.errors import AwsError, InvalidNode, NodeGone, PatchsweepError, RequestRejected
from scanner.core.interfaces import Fleet, TargetReader
from scanner.core.model import Target, TargetStatus
from scanner.core.safe_text import mask_secrets
from scanner.core.scan_request import patch_filters
from scanner.core.settings import Settings
from scanner.files.write_test import probe
from scanner.reports.diagnosis import Diagnosis, PlaceCheck, TargetCheck
from scanner.scan.error_status import target_status_of
from scanner.store.open import open_store

LARGE_PAGE = 100  # the SDK's model allows it, and the service is reported to refuse it


async def run_doctor(settings: Settings, *, demo: bool, stdout: BinaryIO) -> Diagnosis:
    """Tries the credentials, the store, each sink, and each target in scope.

    Args:
        settings: those of the scan that will run.
        demo: try the embedded simulated organization.
        stdout: where a sink on `-` would write.

    Raises:
        ConfigError: no credentials that AWS accepts, or a scope that cannot be used.
        Unavailable: the organization could not be listed.
    """
    store = await _store(settings)
    sinks = [await _sink(settings, sink, stdout) for sink in settings.sinks]
    settings = demo_settings(settings) if demo else settings
    with serving_demo(demo) as access:
        async with open_aws(settings, access) as aws:
            targets = await _targets(aws)
            with_nodes = [check.target for check in targets if check.has_nodes]
            filtering = await measure_filtering(aws.fleet, with_nodes, settings.patches.page_size)
            caller = aws.caller
        if not demo and store.failure is None:
            async with open_store(settings) as kept:
                await kept.keep_filtered_pages(filtering, int(time.time() * 1000))
        return Diagnosis(
            caller=caller.arn,
            region=caller.region,
            scope=scope_of(settings),
            store=store,
            sinks=tuple(sinks),
            targets=targets,
            filters_are_cheap=filtering.is_cheap,
            takes_large_pages=await _takes_large_pages(settings, access, targets),
        )


async def _store(settings: Settings) -> PlaceCheck:
    try:
        async with open_store(settings) as store:
            await probe(store.files)
    except PatchsweepError as error:
        return PlaceCheck(settings.store.location, str(error), stops_scan=True)
    return PlaceCheck(settings.store.location)


async def _sink(settings: Settings, sink: str, stdout: BinaryIO) -> PlaceCheck:
    """Tries a sink as a scan does before its first node."""
    try:
        await try_sink(settings, sink, stdout)
    except PatchsweepError as error:
        return PlaceCheck(mask_secrets(sink), str(error), stops_scan=True)
    return PlaceCheck(mask_secrets(sink))


async def _targets(aws: Aws) -> tuple[TargetCheck, ...]:
    discovery = await aws.discover()
    unreachable = [TargetCheck(outcome.target, outcome.status, outcome.reason) for outcome in discovery.outcomes]
    check = partial(check_target, aws.fleet, states=patch_filters(aws.settings).wanted_states)
    return (*unreachable, *await map_bounded(check, discovery.targets, aws.settings.limits.max_open_targets))


async def check_target(fleet: Fleet, target: Target, states: tuple[str, ...] = ()) -> TargetCheck:
    """Opens a target and tries each operation of a scan once, with its State filter.

    Raises:
        RequestRejected: AWS calls the request itself wrong.
    """
    try:
        async with fleet.open(target) as reader:
            node = await _try_a_node(reader, states)
            refused = tuple(await reader.sources.refused(node))
    except AwsError as error:
        return TargetCheck(target, target_status_of(error), str(error))
    gap = next((check for check in refused if check.is_required), None)
    if gap is not None:
        status = TargetStatus.DENIED if gap.is_denied else TargetStatus.FAILED
        return TargetCheck(target, status, gap.reason, has_nodes=node is not None, refused=refused)
    return TargetCheck(target, TargetStatus.SCANNED, has_nodes=node is not None, refused=refused)


async def _try_a_node(reader: TargetReader, states: tuple[str, ...]) -> str | None:
    """Reads the patch states and a page of patches of the nodes listed first; returns the first, or None for none."""
    async with aclosing(reader.nodes()) as listing:
        async for nodes in listing:
            if nodes:
                await reader.patch_states([node.instance_id for node in nodes])
                with suppress(NodeGone, InvalidNode):
                    await reader.patch_page(nodes[0].instance_id, None, states)
                return nodes[0].instance_id
    return None


async def _takes_large_pages(
    settings: Settings, access: FixedAccess | None, targets: Sequence[TargetCheck]
) -> bool | None:
    """Tries large pages on one target that has nodes; returns None where it cannot, or where they are used already."""
    target = next((check.target for check in targets if check.has_nodes), None)
    if target is None or settings.patches.page_size >= LARGE_PAGE:
        return None
    patches = structs.replace(settings.patches, page_size=LARGE_PAGE)
    try:
        async with open_aws(structs.replace(settings, patches=patches), access) as aws:
            states = patch_filters(settings).wanted_states
            return (await check_target(aws.fleet, target, states)).status is TargetStatus.SCANNED or None
    except RequestRejected:
        return False
    except AwsError:
        return None
