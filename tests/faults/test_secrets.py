"""What a run leaves behind: no secret in it, nobody else may read it, and no text of a node's owner is obeyed."""

from __future__ import annotations

import csv
import logging
import os
import stat

import duckdb
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from scanner.cli import log_setup as log
from scanner.simulator.generate.build import make_world
from scanner.simulator.world.faults import Faults
from scanner.simulator.world.organization import Region
from tests.cli.running import run
from tests.faults.lives import KILLED, Life
from tests.faults.worlds import EXTERNAL_ID, LIMITS, organization

PATIENCE_S = 300.0
WORLD = make_world(accounts=3, regions=2, nodes=24, rows=60, external_id=EXTERNAL_ID)
FAULTS = Faults(
    seed=5,
    internal_error_500=0.02,
    reset=0.02,
    truncated_body=0.02,
    throttled=0.02,
    early_expiry=0.05,
    denied=0.1,
    gone=0.1,
    mismatched=0.1,
)


def secrets_of(simulator):
    """Every secret key and session token that was ever given out, and the external id."""
    keys = simulator._simulation.sessions._keys.values()
    return {secret for each in keys for secret in (each.secret_key, each.token) if secret} | {EXTERNAL_ID}


def environment(simulator, folder):
    return {
        "PATH": os.environ["PATH"],
        **simulator.environment(),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PATCHSWEEP_STORE": str(folder / "store"),
        "PATCHSWEEP_ACCOUNTS": "organization",
        "PATCHSWEEP_REGIONS": "enabled",
        "PATCHSWEEP_ROLE_NAME": WORLD.role_name,
        "PATCHSWEEP_EXTERNAL_ID": EXTERNAL_ID,
        "PATCHSWEEP_RATE": str(LIMITS.rate_per_s),
        "PATCHSWEEP_MAX_RATE": str(LIMITS.max_rate_per_s),
        "PATCHSWEEP_RETRY_FIRST_DELAY_S": "0.01",
        "PATCHSWEEP_FLUSH_ROWS": "200",
        "PATCHSWEEP_SINK": ";".join(
            [f"{kind}:{folder / kind}" for kind in ("jsonl", "csv", "parquet")] + [f"duckdb:{folder / 'd.duckdb'}"]
        ),
        "PATCHSWEEP_SUMMARY": str(folder / "summary.json"),
        "PATCHSWEEP_LOG_FORMAT": "json",
        "HOME": str(folder),
    }


def texts_in(folder):
    """All that lies there, as bytes; what is compressed is read too."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()
        if path.suffix == ".parquet":
            yield path, repr(pq.ParquetFile(path).read().to_pylist()).encode()
    if (folder / "d.duckdb").exists():
        with duckdb.connect(str(folder / "d.duckdb"), read_only=True) as database:
            for (table,) in database.execute("SELECT table_name FROM information_schema.tables").fetchall():
                rows = database.execute(f'SELECT CAST(row AS VARCHAR) FROM "{table}" AS row').fetchall()
                yield folder / table, repr(rows).encode()


def assert_holds_no_secret(folder, secrets, at_least=10_000):
    seen = 0
    for path, text in texts_in(folder):
        seen += len(text)
        assert not [path for secret in secrets if secret.encode() in text]
    assert seen > at_least


def test_a_scan_with_faults_a_crash_and_a_resumption_leaves_no_secret_behind(tmp_path):
    with organization(WORLD, faults=FAULTS) as simulator:
        variables = environment(simulator, tmp_path)
        life = Life(["scan"], variables, tmp_path / "store")
        simulator.watch(lambda _: life.kill() if simulator.stats.requests() == 70 else None)
        assert life.wait() == KILLED
        life = Life(["scan", "--resume"], variables, tmp_path / "store")
        assert life.wait() == 3
        secrets = secrets_of(simulator)
        assert len(secrets) > 8
        assert_holds_no_secret(tmp_path, secrets)


def test_workers_leave_no_secret_behind_in_the_store_of_an_unfinished_scan_or_in_their_logs(tmp_path):
    scan_id = "20461125T221024Z-a1b2c3"
    with organization(WORLD, faults=FAULTS) as simulator:
        sinks = f"csv:{tmp_path / 'csv'}"
        variables = {**environment(simulator, tmp_path), "PATCHSWEEP_SINK": sinks, "PATCHSWEEP_LOG_LEVEL": "debug"}
        kill_at = 0

        def kill(_):
            if simulator.stats.requests() == kill_at:
                life.kill()

        simulator.watch(kill)
        kept = set()
        for argv, code in (
            (["begin", "--scan-id", scan_id], 0),
            (["work", scan_id, "--slice", "0/2"], KILLED),
            (["work", scan_id, "--slice", "0/2"], 0),
            (["work", scan_id, "--slice", "1/2"], 0),
            (["finish", scan_id], 3),
        ):
            kill_at = simulator.stats.requests() + 30 if code == KILLED else 0
            life = Life(argv, variables, tmp_path / "store")
            assert life.wait(PATIENCE_S) == code, life.said
            assert_holds_no_secret(tmp_path, secrets_of(simulator), at_least=100)
            kept |= {path.parent.name for path, _ in texts_in(tmp_path / "store")}
        assert {"open", "ended"} <= kept
        assert len(secrets_of(simulator)) > 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"AWS_SECRET_ACCESS_KEY": "wrong/secret/key/wrong/secret/key/12345678"},
        {"PATCHSWEEP_EXTERNAL_ID": "wrong-external-id"},
        {"PATCHSWEEP_EXTERNAL_ID": "wrong external id"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
    ],
    ids=["a wrong key", "another external id", "an impossible external id", "no network"],
)
def test_a_scan_that_cannot_work_tells_no_secret(wrong, tmp_path):
    with organization(WORLD) as simulator:
        variables = {**environment(simulator, tmp_path), "PATCHSWEEP_MAX_ATTEMPTS": "1", **wrong}
        life = Life(["scan"], variables, tmp_path / "store")
        assert life.wait() in (1, 2, 3)
        assert "Traceback" not in life.said
        for secret in {*secrets_of(simulator), wrong.get("AWS_SECRET_ACCESS_KEY"), wrong.get("PATCHSWEEP_EXTERNAL_ID")}:
            assert secret is None or secret not in life.said


@pytest.mark.parametrize("password", ["hush-admin", "hush-hush", "hush%2Dhush"])
def test_the_password_of_a_database_stays_in_the_setting(password, database, tmp_path):
    with organization(WORLD) as simulator:
        variables = environment(simulator, tmp_path)
        variables["PATCHSWEEP_SINK"] += ";" + database.replace("hush-admin", password)
        life = Life(["scan"], variables, tmp_path / "store")
        is_right = password == "hush-admin"
        assert life.wait() == (0 if is_right else 1)
    assert "Traceback" not in life.said
    # A scan that the database refuses beforehand writes one sentence.
    assert_holds_no_secret(tmp_path, {"hush"}, at_least=10_000 if is_right else 200)


def test_everything_a_scan_writes_is_readable_by_its_owner_only(tmp_path):
    before = os.umask(0)
    try:
        with organization(WORLD) as simulator:
            variables = environment(simulator, tmp_path)
            assert Life(["scan"], variables, tmp_path / "store").wait() == 0
    finally:
        os.umask(before)
    modes = {
        path.relative_to(tmp_path): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
        if path.name != "said"
    }
    assert len(modes) > 15
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


@pytest.mark.parametrize("logger", ["patchsweep.a_sink", "asyncio"], ids=["a plug-in", "a library"])
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_in_the_log_shows_no_variables(log_format, logger, capsys):
    def fail(secret_key):
        raise RuntimeError("no")

    log.configure(log_format, terminal=False, level="debug")
    try:
        fail("hush" + "-hush")
    except RuntimeError:
        logging.getLogger(logger).exception("a task failed")
    said = capsys.readouterr().err
    assert "RuntimeError" in said
    assert "hush-hush" not in said


HOSTILE = ("\x1b[2J\x1b]0;owned\x07", '=HYPERLINK("http://x","y")', "<script>alert(1)</script>", "a\r\nb\u202eb")


def hostile_world():
    """Nodes whose owners chose their names badly, one of them a gap so that it is told."""
    account_id, account = next(iter(WORLD.accounts.items()))
    nodes = account.regions[WORLD.home_region].nodes[: len(HOSTILE)]
    named = [structs.replace(node, computer_name=name) for node, name in zip(nodes, HOSTILE, strict=True)]
    region = Region(WORLD.home_region, tuple(named))
    hostile = structs.replace(account, name="\x1b[31mred\x1b[0m", regions={WORLD.home_region: region})
    return structs.replace(WORLD, accounts={account_id: hostile})


def test_what_a_nodes_owner_wrote_is_shown_and_never_obeyed(tmp_path):
    folder = tmp_path / "store"
    with organization(hostile_world(), faults=Faults(denied=0.4, seed=1)):
        arguments = ["--accounts", "organization", "--role-name", WORLD.role_name, "--external-id", EXTERNAL_ID]
        arguments += ["--store", str(folder), "--sink", f"csv:{tmp_path / 'csv'}", "--log-format", "console"]
        ended = run("scan", *arguments)
    asked = run("query", "SELECT computer_name, account_id FROM nodes ORDER BY 1", "--store", str(folder))
    reported = run("report", "--output", "-", "--store", str(folder))

    assert (ended.code, reported.code) == (3, 0)
    assert "<script" not in reported.stdout
    for shown in (ended.stdout, ended.stderr, asked.stdout, asked.stderr, reported.stdout, reported.stderr):
        assert not {"\x1b", "\x07", "\r", "\u202e"} & set(shown)
    assert "\\x1b[2J" in asked.stdout
    with (tmp_path / "csv" / "nodes.csv").open(newline="") as file:
        names = {row["computer_name"] for row in csv.DictReader(file)}
    assert f"'{HOSTILE[1]}" in names
    assert not any(name.startswith(("=", "+", "-", "@")) for name in names)


@pytest.fixture(scope="module")
def hostile_store(tmp_path_factory):
    """Returns a folder with a store, beside which lies a secret; no test changes it."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "secret").write_text("hush-hush")
    with organization(hostile_world()):
        run("scan", "--store", str(folder / "store"))
    return folder / "store"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('{folder}/../secret')",
        "SELECT * FROM '{folder}/latest.json'",
        "COPY (SELECT 1) TO '{folder}/x.csv'",
        "SELECT * FROM read_parquet('http://127.0.0.1:9/x.parquet')",
        "INSTALL httpfs",
        "ATTACH '{folder}/x.duckdb'",
    ],
)
def test_a_query_reaches_no_other_file_no_network_and_writes_nothing(sql, hostile_store):
    before = sorted(hostile_store.parent.rglob("*"))

    asked = run("query", sql.format(folder=hostile_store), "--store", str(hostile_store), "--format", "csv")

    assert asked.code == 2
    assert "hush-hush" not in asked.stdout + asked.stderr
    assert "root:" not in asked.stdout + asked.stderr
    assert "Traceback" not in asked.stderr
    assert sorted(hostile_store.parent.rglob("*")) == before
