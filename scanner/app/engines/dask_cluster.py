"""Opens a Dask cluster: one that runs already, or worker processes on this machine that live as long as the scan."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import anyio

from scanner.app.engines.bundles import BUNDLES_AT_ONCE
from scanner.app.engines.read_bundle import EXTERNAL_ID_VARIABLE
from scanner.core.errors import ConfigError, PatchsweepError
from scanner.core.worker_place import WorkerPlace

if TYPE_CHECKING:
    from distributed import Client

CONNECT_WITHIN_S = 20.0
CLOSE_WITHIN_S = 10.0
LOOK_EVERY_S = 2.0
#: Dask drops a worker that is not back within 15 s, which takes longer on a machine that is busy; and it serves pages
#: about its workers, their logs among them, to everyone who can connect.
LOCAL_CONFIG = {
    "distributed.deploy.lost-worker-timeout": "1 day",
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,  # looks at each thread 100 times a second
}
_LIBRARY_LOGGERS = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")


def check_installed() -> None:
    """Raises `ConfigError` where the packages of the extra `dask` are missing."""
    try:
        import cryptography  # noqa: F401, PLC0415 - as below
        import distributed  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise ConfigError("--dask and --workers need an extra; run: pip install 'patchsweep[dask]'") from error


@asynccontextmanager
async def open_cluster(place: WorkerPlace, external_id: str | None) -> AsyncIterator[Client]:
    """Yields a client of the cluster while the block runs.

    Raises:
        ConfigError: the extra is not installed, or the address is none.
        PatchsweepError: the scheduler does not answer, or no worker starts.
    """
    check_installed()
    _quiet_libraries()
    from distributed import Client  # noqa: PLC0415 - an extra

    async with AsyncExitStack() as stack:
        if place.address is None:
            stack.enter_context(_own_scratch_folder())
            cluster: Any = await stack.enter_async_context(_local_cluster(place.processes, external_id))
        else:
            cluster = place.address
        options = {"asynchronous": True, "set_as_default": False, "timeout": CONNECT_WITHIN_S}
        try:
            client = Client(cluster, **options)
            stack.push_async_callback(_closed_in_time, client)
            await client
        except (OSError, TimeoutError) as error:
            raise PatchsweepError(
                f"{place} does not answer within {CONNECT_WITHIN_S:.0f} s: start its scheduler, or correct the address"
            ) from error
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"--dask {place.address!a} is no address of a scheduler: give one like tcp://scheduler:8786"
            ) from error
        yield client


async def _closed_in_time(closes: Any) -> None:  # noqa: ANN401 - a client or a cluster of Dask
    with anyio.move_on_after(CLOSE_WITHIN_S, shield=True):
        await closes.close()


@contextmanager
def _own_scratch_folder() -> Iterator[None]:
    """Has Dask's scheduler and workers put temporary files into a folder that is removed after the block.

    They make one that they leave behind.
    """
    import dask  # noqa: PLC0415 - an extra

    name = "temporary-directory"
    try:
        place = dask.config.get(name, None)
        if place is not None:
            Path(place).mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix="patchsweep-workers-", dir=place, ignore_cleanup_errors=True)
    except OSError as error:
        raise PatchsweepError(f"the workers have no place for temporary files: {error}") from error
    with folder, dask.config.set({name: folder.name}):
        yield


@asynccontextmanager
async def _local_cluster(processes: int, external_id: str | None) -> AsyncIterator[Any]:
    """Starts worker processes that Dask starts again when they end.

    They listen on the loopback address, and demand a certificate that only this run has: whoever can talk to a Dask
    scheduler can run code, and other users of the machine reach the address too.
    """
    import dask  # noqa: PLC0415 - an extra
    from distributed import LocalCluster, Security  # noqa: PLC0415 - an extra

    dask.config.set(LOCAL_CONFIG)
    cluster = LocalCluster(
        n_workers=processes,
        threads_per_worker=BUNDLES_AT_ONCE,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        security=Security.temporary(),
        memory_limit=None,
        silence_logs=logging.CRITICAL,
        # A death is ours to count, after each one. Dask listens for HTTP in any case.
        scheduler_kwargs={"allowed_failures": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"},
        asynchronous=True,
        env={} if external_id is None else {EXTERNAL_ID_VARIABLE: external_id},
        preload=["scanner.app.engines.local_worker"],
    )
    try:
        await cluster
    except (OSError, RuntimeError, TimeoutError) as error:
        await _closed_in_time(cluster)
        raise PatchsweepError(f"the workers could not be started on this machine: {error}") from error
    try:
        async with anyio.create_task_group() as beside:
            beside.start_soon(_replace_lost, cluster, processes)
            yield cluster
            beside.cancel_scope.cancel()
    finally:
        await _closed_in_time(cluster)


async def _replace_lost(cluster: Any, processes: int) -> None:  # noqa: ANN401 - as above
    """Starts workers again whose nanny has given up, as it does with one that is killed while it starts."""
    from distributed import Status  # noqa: PLC0415 - an extra

    while True:
        await anyio.sleep(LOOK_EVERY_S)
        lost = [name for name, nanny in cluster.workers.items() if nanny.status in (Status.closed, Status.failed)]
        for name in lost:
            del cluster.workers[name]
        if lost:
            cluster.scale(processes)


def _quiet_libraries() -> None:
    """Hands the messages of Dask to the log of the command, which shows them for `--log-level debug`."""
    import distributed  # noqa: F401, PLC0415 - sets up its own logging when it is imported

    for name in _LIBRARY_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
