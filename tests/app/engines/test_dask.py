"""What `scan --dask` and `scan --workers` refuse, each in one sentence and before anything is read."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scanner.app.engines import dask_cluster
from scanner.app.engines.dask_cluster import open_cluster
from scanner.app.engines.messages import ScanTask
from scanner.app.engines.read_by_dask import check_workers
from scanner.core.errors import ConfigError, PatchsweepError
from scanner.core.settings import Settings
from scanner.core.worker_place import WorkerPlace
from tests.cli.running import run

TASK = ScanTask.from_settings("20261125T221024Z-a1b2c3", Settings())


class AskedClient:
    """Stands for a client of a cluster whose workers give these answers."""

    def __init__(self, answers) -> None:
        self._answers = answers

    async def wait_for_workers(self, count, **_):
        if not self._answers:
            raise TimeoutError

    async def run(self, function, scan, *, on_error):
        return self._answers


async def test_every_worker_of_the_cluster_is_asked_and_counted():
    assert await check_workers(AskedClient({"tcp://a:1": None, "tcp://b:1": None}), TASK, "the cluster") == 2


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("has patchsweep 1, and the scan is run by 2: install the same version on both", "has patchsweep 1, and"),
        (ModuleNotFoundError("No module named 'scanner'"), "has no patchsweep, or one that cannot do this: install "),
        (AttributeError("no check_worker"), "has no patchsweep, or one that cannot do this: install "),
    ],
)
async def test_a_worker_that_cannot_read_the_scan_is_named(answer, sentence):
    with pytest.raises(ConfigError, match=f"the worker tcp://b:1 {sentence}"):
        await check_workers(AskedClient({"tcp://a:1": None, "tcp://b:1": answer}), TASK, "the cluster")


async def test_a_worker_that_ends_while_it_is_asked_keeps_no_other_from_reading():
    client = AskedClient({"tcp://a:1": OSError("gone"), "tcp://b:1": None})
    assert await check_workers(client, TASK, "the cluster") == 1


async def test_a_worker_that_does_not_answer_and_a_cluster_without_workers_may_be_tried_again():
    with pytest.raises(PatchsweepError, match="the worker tcp://a:1 does not answer: OSError: gone") as refusal:
        await check_workers(AskedClient({"tcp://a:1": OSError("gone")}), TASK, "the cluster")
    assert not isinstance(refusal.value, ConfigError)
    with pytest.raises(PatchsweepError, match="the cluster has had no worker for 60 s: start some"):
        await check_workers(AskedClient({}), TASK, "the cluster")


@pytest.mark.parametrize("step", ["wait_for_workers", "run"])
async def test_a_scheduler_that_ends_while_workers_are_asked_is_a_sentence(step, monkeypatch):
    async def gone(*_, **__):
        raise OSError("Stream is closed")

    client = AskedClient({"tcp://a:1": None})
    monkeypatch.setattr(client, step, gone)
    with pytest.raises(PatchsweepError, match="the scheduler of the cluster is gone"):
        await check_workers(client, TASK, "the cluster")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "kind", "sentence"),
    [
        ("tcp://127.0.0.1:9", PatchsweepError, "the Dask cluster at tcp://127.0.0.1:9 does not answer within"),
        ("http://127.0.0.1:9", ConfigError, "'http://127.0.0.1:9' is no address of a scheduler"),
        ("tcp://127.0.0.1:x", ConfigError, "'tcp://127.0.0.1:x' is no address of a scheduler"),
    ],
)
async def test_a_scheduler_that_cannot_be_reached_is_named(address, kind, sentence, monkeypatch):
    monkeypatch.setattr(dask_cluster, "CONNECT_WITHIN_S", 0.5)
    with pytest.raises(kind, match=sentence) as refusal:
        async with open_cluster(WorkerPlace(address), None):
            pass
    assert type(refusal.value) is kind


async def test_a_place_for_temporary_files_that_cannot_be_made_is_named(tmp_path):
    dask = pytest.importorskip("dask")
    (tmp_path / "file").touch()
    place = dask.config.set({"temporary-directory": str(tmp_path / "file" / "folder")})
    with place, pytest.raises(PatchsweepError, match="the workers have no place for temporary files: "):
        async with open_cluster(WorkerPlace(None, 1), None):
            pass


LISTENING = """
import anyio, os, urllib.error, urllib.request
import psutil
from scanner.app.engines.dask_cluster import open_cluster
from scanner.core.worker_place import WorkerPlace

def answer(port):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/info/main/workers.html", timeout=30).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0

async def main():
    async with open_cluster(WorkerPlace(None, 1), "meridian/4711") as client:
        print("id", await client.submit(os.getenv, "PATCHSWEEP_EXTERNAL_ID"), os.getenv("PATCHSWEEP_EXTERNAL_ID"))
        for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
            for each in process.net_connections("inet"):
                if each.status == psutil.CONN_LISTEN:
                    status = await anyio.to_thread.run_sync(answer, each.laddr.port)
                    print("listens", each.laddr.ip, status)

if __name__ == "__main__":
    anyio.run(main)
"""


@pytest.mark.slow
def test_workers_on_one_machine_are_reached_from_there_only_and_serve_no_pages(tmp_path):
    script = tmp_path / "listening.py"
    script.write_text(LISTENING)
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, check=True)
    listens = [line.split()[1:] for line in ended.stdout.splitlines() if line.startswith("listens")]
    assert len(listens) >= 4
    assert {ip for ip, _ in listens} == {"127.0.0.1"}
    assert {status for _, status in listens} <= {"0", "404"}
    assert "id meridian/4711 None" in ended.stdout


@pytest.mark.slow
def test_without_the_extra_a_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    for option in (["--workers", "2"], ["--dask", "tcp://127.0.0.1:9"]):
        ended = run("scan", *option, "--store", str(tmp_path / "store"))
        assert ended.code == 2
        assert ended.stderr == ("patchsweep: --dask and --workers need an extra; run: pip install 'patchsweep[dask]'\n")
    assert not (tmp_path / "store").exists()


def test_workers_are_here_or_on_a_cluster(tmp_path):
    ended = run("scan", "--workers", "2", "--dask", "tcp://127.0.0.1:9", "--store", str(tmp_path / "store"))
    assert ended.code == 2
    assert "--workers and --dask exclude each other" in ended.stderr


@pytest.mark.slow
def test_dask_is_imported_only_where_it_is_used():
    code = "import sys, scanner.app.engines.scan, scanner.app.engines.dask_worker; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "scanner.app.engines.read_by_dask" in modules
    assert {"dask", "distributed"} & {*modules} == set()
