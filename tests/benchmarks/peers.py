"""What people write with the SDK in an afternoon, and patchsweep's reading without a store; each prints its counts.

Run as `python -m tests.benchmarks.peers NAME REGION,REGION`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

THREADS = 32
IN_FLIGHT = 50
CLIENTS_POOL = 50


def boto3_threads(regions: Sequence[str]) -> dict[str, int]:
    """boto3's paginator, a thread for each of 32 nodes at once."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - each peer pays for its own imports alone

    import boto3  # noqa: PLC0415 - as above
    from botocore.config import Config  # noqa: PLC0415 - as above

    def read(work: tuple[object, str]) -> tuple[int, int]:
        client, instance_id = work
        pages = list(client.get_paginator("describe_instance_patches").paginate(InstanceId=instance_id))
        return len(pages), sum(len(page["Patches"]) for page in pages)

    session = boto3.Session()
    work = []
    for region in regions:
        client = session.client("ssm", region_name=region, config=Config(max_pool_connections=CLIENTS_POOL))
        for page in client.get_paginator("describe_instance_information").paginate():
            work += [(client, node["InstanceId"]) for node in page["InstanceInformationList"]]
    with ThreadPoolExecutor(THREADS) as pool:
        return _total(list(pool.map(read, work)))


def aioboto3_gather(regions: Sequence[str]) -> dict[str, int]:
    """aioboto3's paginator under asyncio.gather and a semaphore of 50."""
    import asyncio  # noqa: PLC0415 - each peer pays for its own imports alone
    from contextlib import AsyncExitStack  # noqa: PLC0415 - as above

    import aioboto3  # noqa: PLC0415 - as above
    from aiobotocore.config import AioConfig  # noqa: PLC0415 - as above

    async def read(client: object, instance_id: str, room: asyncio.Semaphore) -> tuple[int, int]:
        pages = rows = 0
        async with room:
            async for page in client.get_paginator("describe_instance_patches").paginate(InstanceId=instance_id):
                pages += 1
                rows += len(page["Patches"])
        return pages, rows

    async def run() -> dict[str, int]:
        session, room, work = aioboto3.Session(), asyncio.Semaphore(IN_FLIGHT), []
        async with AsyncExitStack() as stack:
            for region in regions:
                config = AioConfig(max_pool_connections=CLIENTS_POOL)
                client = await stack.enter_async_context(session.client("ssm", region_name=region, config=config))
                async for page in client.get_paginator("describe_instance_information").paginate():
                    work += [read(client, node["InstanceId"], room) for node in page["InstanceInformationList"]]
            return _total(await asyncio.gather(*work))  # noqa: TID251 - the peer is what people write, gather and all

    return asyncio.run(run())


def aioboto3_jsonl(regions: Sequence[str]) -> dict[str, int]:
    """The same with every row written to a file as a line of JSON, with the account, the Region and the node."""
    import asyncio  # noqa: PLC0415 - each peer pays for its own imports alone
    import tempfile  # noqa: PLC0415 - as above
    from contextlib import AsyncExitStack  # noqa: PLC0415 - as above

    import aioboto3  # noqa: PLC0415 - as above
    from aiobotocore.config import AioConfig  # noqa: PLC0415 - as above

    async def run() -> dict[str, int]:
        session, room, work = aioboto3.Session(), asyncio.Semaphore(IN_FLIGHT), []
        with tempfile.TemporaryFile("w") as file:

            async def read(client: object, region: str, instance_id: str) -> tuple[int, int]:
                pages = rows = 0
                async with room:
                    async for page in client.get_paginator("describe_instance_patches").paginate(
                        InstanceId=instance_id
                    ):
                        pages += 1
                        rows += len(page["Patches"])
                        for row in page["Patches"]:
                            line = {"account_id": "111111111111", "region": region, "instance_id": instance_id, **row}
                            file.write(json.dumps(line, default=str) + "\n")
                return pages, rows

            async with AsyncExitStack() as stack:
                for region in regions:
                    config = AioConfig(max_pool_connections=CLIENTS_POOL)
                    client = await stack.enter_async_context(session.client("ssm", region_name=region, config=config))
                    async for page in client.get_paginator("describe_instance_information").paginate():
                        work += [read(client, region, node["InstanceId"]) for node in page["InstanceInformationList"]]
                return _total(await asyncio.gather(*work))  # noqa: TID251 - the peer is what people write, gather and all

    return asyncio.run(run())


def patchsweep_reading(regions: Sequence[str]) -> dict[str, int]:
    """The reading of patchsweep and verifying, with nobody to take the nodes."""
    import time  # noqa: PLC0415 - each peer pays for its own imports alone

    import anyio  # noqa: PLC0415 - as above

    from scanner.aws.open import open_aws  # noqa: PLC0415 - as above
    from scanner.cli.scan import EVENT_LOOP  # noqa: PLC0415 - as above
    from scanner.core.model import NodeScan  # noqa: PLC0415 - as above
    from scanner.core.settings import (  # noqa: PLC0415 - as above
        CoverageSettings,
        LimitSettings,
        ScopeSettings,
        Settings,
    )
    from scanner.scan.job import ReadingRules, ScanJob  # noqa: PLC0415 - as above
    from scanner.scan.reconcile import comparable_states  # noqa: PLC0415 - as above
    from scanner.scan.scan_targets import scan_targets  # noqa: PLC0415 - as above

    counts: list[tuple[int, int]] = []

    async def take(scan: NodeScan) -> None:
        counts.append((scan.pages, len(scan.patches)))

    async def run() -> None:
        limits = LimitSettings(rate_per_s=1e6, max_rate_per_s=1e6)
        scope = ScopeSettings(regions=tuple(regions))
        patches_alone = CoverageSettings(ec2="off", inventory="off", associations="off", tags="off", baselines="off")
        async with open_aws(Settings(scope=scope, limits=limits, coverage=patches_alone)) as aws:
            rules = ReadingRules((), comparable_states((), other_filters=False), limits.max_nodes_per_target, 4)
            job = ScanJob(rules, limits.max_open_targets, take, time.time)
            await scan_targets((await aws.discover()).targets, aws.fleet, job)

    anyio.run(run, backend_options=EVENT_LOOP)
    return _total(counts)


def _total(nodes: Sequence[tuple[int, int]]) -> dict[str, int]:
    return {"pages": sum(pages for pages, _ in nodes), "rows": sum(rows for _, rows in nodes)}


PEERS: dict[str, Callable[[Sequence[str]], dict[str, int]]] = {
    "boto3": boto3_threads,
    "aioboto3": aioboto3_gather,
    "aioboto3-jsonl": aioboto3_jsonl,
    "reading": patchsweep_reading,
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(PEERS[sys.argv[1]](sys.argv[2].split(","))) + "\n")
