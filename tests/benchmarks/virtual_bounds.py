"""A scan of many targets with the default bounds in virtual time, so that no CPU is too slow for it.

Limiters, the request pipeline, the bounds on requests and open targets, and the engine are the real ones; the transport
answers after a latency, within the rate that is granted to each target.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec

from scanner.app.reading_rules import reading_rules
from scanner.aws.machine_sources import TargetSources
from scanner.aws.operations import DESCRIBE_INSTANCE_PATCHES, Operation
from scanner.aws.requests.limiter import Limiters
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.requests.retry import RetryPolicy
from scanner.aws.ssm_target import SsmTarget
from scanner.aws.target_requests import TargetRequests
from scanner.aws.transport.interface import ServiceError
from scanner.core.in_flight import max_in_flight, raise_open_files_limit
from scanner.core.model import NodeScan, Target
from scanner.core.settings import CoverageSettings, LimitSettings, Settings
from scanner.scan.job import ScanJob
from scanner.scan.scan_targets import scan_targets
from tests.benchmarks.answers import SsmAnswers
from tests.benchmarks.buckets import Buckets
from tests.benchmarks.profiles import make_profiles
from tests.virtual_loop import run_in_virtual_time

NOT_ASKED = CoverageSettings(ec2="off", inventory="off", associations="off", tags="off", baselines="off")


class _Transport:
    """Sends nothing: it waits for the latency and answers as SSM does, or refuses what comes too fast."""

    def __init__(self, target: Target, ssm: SsmAnswers, buckets: Buckets, latency_s: float) -> None:
        self._key = (target.account_id, target.region)
        self._ssm = ssm
        self._buckets = buckets
        self._latency_s = latency_s

    async def send(self, operation: Operation, payload: Any) -> bytes:
        await anyio.sleep(self._latency_s / 2)
        is_granted = self._buckets.grants((*self._key, operation.name), anyio.current_time())
        await anyio.sleep(self._latency_s / 2)
        if not is_granted:
            raise ServiceError("ThrottlingException", "Rate exceeded", 400)
        body = msgspec.json.encode(payload)
        answers = {
            "DescribeInstancePatches": self._ssm.patches,
            "DescribeInstancePatchStates": self._ssm.states,
            "DescribeInstanceInformation": self._ssm.listing,
        }
        return answers[operation.name](body).partition(b"\r\n\r\n")[2]


class _Fleet:
    """Implements `scanner.core.interfaces.Fleet` over such transports."""

    def __init__(self, settings: Settings, ssm: SsmAnswers, buckets: Buckets, latency_s: float) -> None:
        limits = settings.limits
        raise_open_files_limit()
        self._settings = settings
        self._pipeline = RequestPipeline(
            Limiters(limits, clock=anyio.current_time),
            anyio.Semaphore(max_in_flight(limits), fast_acquire=True),
            RetryPolicy.from_limits(limits),
            clock=anyio.current_time,
        )
        self._served = (ssm, buckets, latency_s)

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[SsmTarget]:
        requests = TargetRequests(target, _Transport(target, *self._served), None, self._pipeline, None)
        restarts = self._settings.limits.max_node_restarts
        yield SsmTarget(
            requests,
            TargetSources(requests, None, None, NOT_ASKED, restarts),
            nodes=self._settings.nodes,
            patches=self._settings.patches,
            max_restarts=restarts,
        )


def granted_calls(
    targets: int, nodes: int, rate_per_s: float, latency_s: float, limits: LimitSettings | None = None
) -> list[float]:
    """Reads so many targets of so many nodes; returns when each page of patches was granted, in virtual seconds.

    Args:
        targets: how many targets there are.
        nodes: how many nodes each has.
        rate_per_s: what is granted to each target and operation.
        latency_s: how long an answer takes.
        limits: None: the default bounds.

    Raises:
        RuntimeError: not every node was read.
    """
    buckets = Buckets([(0.0, rate_per_s)], burst=40.0)
    delivered = 0

    async def deliver(_scan: NodeScan) -> None:
        nonlocal delivered
        delivered += 1

    async def scan() -> None:
        settings = Settings(limits=limits or LimitSettings())
        fleet = _Fleet(settings, SsmAnswers(nodes, make_profiles()), buckets, latency_s)
        job = ScanJob(reading_rules(settings), settings.limits.max_open_targets, deliver, now=anyio.current_time)
        await scan_targets([Target(f"{number:012}", "eu-west-1") for number in range(targets)], fleet, job)

    run_in_virtual_time(scan)
    if delivered != targets * nodes:
        raise RuntimeError(f"{delivered} nodes were read of {targets * nodes}")
    return sorted(at for at, is_granted in buckets.answers[DESCRIBE_INSTANCE_PATCHES.name] if is_granted)
