"""The functions that Dask calls in its workers. It finds them by their names, so their modules must be there."""

from __future__ import annotations

from scanner.app.engines.messages import BundleTask, from_text, topic_of
from scanner.app.engines.read_bundle import check_worker, read_bundle

__all__ = ["check_worker", "read_dask_bundle"]


def read_dask_bundle(task: str) -> str:
    """Reads a bundle in a thread of a Dask worker; see `read_bundle`.

    Dask cannot stop a thread, so the bundle looks whether its task has been cancelled: the run was stopped or killed,
    or the scheduler is gone.
    """
    from distributed import Status, get_worker  # noqa: PLC0415 - an extra

    worker = get_worker()
    key = worker.get_current_task()
    topic = topic_of(from_text(task, BundleTask).scan.scan_id)
    open_states = (Status.running, Status.paused, Status.closing_gracefully)

    def is_wanted() -> bool:
        state = worker.state.tasks.get(key)
        return worker.status in open_states and state is not None and state.state != "cancelled"

    def send(news: str) -> None:
        worker.log_event(topic, news)

    return read_bundle(task, is_wanted, send)
