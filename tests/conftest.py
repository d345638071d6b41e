"""Fixtures, markers and the Hypothesis profile of all tests. Fixtures import the packages that only they need."""

from __future__ import annotations

import os
import re
import shutil

import pytest
from hypothesis import HealthCheck, settings

from tests.examples import NIGHTLY_EXAMPLES

# A loaded machine is slow and no test asserts a time, so neither an example nor its generation has a limit.
settings.register_profile("patchsweep", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", settings.get_profile("patchsweep"), max_examples=20)
settings.register_profile("nightly", settings.get_profile("patchsweep"), max_examples=NIGHTLY_EXAMPLES)
settings.load_profile("patchsweep")

#: The marker expression of the fast suite, which has 20 s of CPU.
FAST = "not slow"

#: Folders whose tests run whole scans, ask the simulator over the wire through the SDK, open DuckDB for each test, or
#: import what takes seconds (the linter of CloudFormation).
SLOW_FOLDERS = tuple(
    f"tests/{folder}/"
    for folder in (
        "benchmarks",
        "deploy",
        "end_to_end",
        "faults",
        "reports/html",
        "reports/sql",
        "simulator/api",
        "store/missing_since",
    )
)
#: What runs commands in processes of their own, and benchmarks, without coverage: it would double their CPU and tell
#: nothing, as a process that is killed or frozen saves no data.
UNMEASURED = (
    "tests/benchmarks/",
    "tests/end_to_end/",
    "tests/faults/test_chaos.py",
    "tests/faults/test_crashes",
    "tests/faults/test_dask_",
    "tests/faults/test_kills.py",
    "tests/faults/test_signals.py",
    "tests/faults/test_workers.py",
)
#: The line with which a module marks all its tests as slow.
ALL_SLOW = re.compile(r"^pytestmark = .*\bpytest\.mark\.(slow|process)\b", re.MULTILINE)
#: Packages whose absence is never a reason to skip.
OWN = {"scanner", "tests"}
#: Every reason to skip a test that an installation would mend has these words.
NOT_INSTALLED = "is not installed"
#: A test has a marker if it uses one of these fixtures.
MARKER_OF_FIXTURE = {"postgresql": "database", "terminal": "process", "browser": "browser"}
#: Fixtures that start a server (PostgreSQL, moto, or one that answers the SDK) or open a store with DuckDB.
SLOW_FIXTURES = {"postgresql", "s3_endpoint", "bucket", "moto", "aws", "views"}


def pytest_addoption(parser):
    parser.addoption("--no-skips", action="store_true", help="fail if a test was skipped for want of an installation")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """Fails a run that skipped a test where none may be: with --no-skips, on the gate.

    A test that only root or only another user can run is skipped everywhere else, whatever is installed.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if session.config.option.no_skips and reporter else []
    for report in skipped:
        if NOT_INSTALLED in str(report.longrepr):
            reporter.write_line(f"--no-skips: {report.nodeid} was skipped", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_ignore_collect(collection_path, config):
    """Imports no folder or module of which every test would be left out: that saves half of the imports' CPU."""
    if config.option.markexpr != FAST:
        return None
    if f"{collection_path}/".endswith(SLOW_FOLDERS):
        return True
    is_module = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if is_module and ALL_SLOW.search(collection_path.read_text(encoding="utf-8")) else None


def pytest_configure(config):
    """Takes 20 examples of a property for the fast suite, 100 for all, or those of `HYPOTHESIS_PROFILE`."""
    of_the_suite = "fast" if config.option.markexpr == FAST else "patchsweep"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", of_the_suite))


def pytest_collection_modifyitems(items):
    """Marks what follows from a test's folder and fixtures, so that only the rest is marked by hand."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for fixture in MARKER_OF_FIXTURE.keys() & fixtures:
            item.add_marker(MARKER_OF_FIXTURE[fixture])
        if item.nodeid.startswith(UNMEASURED):
            item.add_marker("no_cover")
        starts_something = item.get_closest_marker("process") or fixtures & SLOW_FIXTURES
        if starts_something or item.nodeid.startswith(SLOW_FOLDERS) or ("s3_url" in fixtures and on_s3(item)):
            item.add_marker("slow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Leaves the processes that an unmeasured test starts unmeasured too."""
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("no_cover"):
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        return (yield)


def on_s3(item):
    """Returns whether the test is on S3: all that use the fixture, but for those of `every_place` in another place."""
    place = item.callspec.params.get("open_place") if hasattr(item, "callspec") else None
    return place is None or place.__name__ == "s3"


class _Module(pytest.Module):
    """Skips a test module that imports a package which is not installed, and says so."""

    def collect(self):
        try:
            return super().collect()
        except self.CollectError as error:
            cause = error.__cause__
            if isinstance(cause, ModuleNotFoundError) and (cause.name or "tests").split(".")[0] not in OWN:
                pytest.skip(f"{cause.name} {NOT_INSTALLED}: pip install -e '.[dev]'", allow_module_level=True)
            raise


def pytest_pycollect_makemodule(module_path, parent):
    return _Module.from_parent(parent, path=module_path)


@pytest.fixture(scope="session")
def postgresql():
    """Yields a PostgreSQL server that the tests of this process share. None of libpq's variables reaches it."""
    from tests.postgresql_server import running_server

    with pytest.MonkeyPatch.context() as patch, running_server() as server:
        for name in list(os.environ):
            if name.startswith("PG"):
                patch.delenv(name)
        yield server


@pytest.fixture
def database(postgresql):
    """Yields the URL of an empty database on the server."""
    with postgresql.database() as url:
        yield url


@pytest.fixture(scope="session")
def browser():
    """Returns the path of Chromium."""
    return shutil.which("chromium") or pytest.skip(f"chromium {NOT_INSTALLED}")


@pytest.fixture(scope="session")
def systemd_analyze():
    """Returns the path of systemd's checker of units."""
    return shutil.which("systemd-analyze") or pytest.skip(f"systemd-analyze {NOT_INSTALLED}")


@pytest.fixture(scope="session")
def s3_endpoint():
    """Yields the URL of a moto server."""
    from tests.moto_server import serving_moto

    with serving_moto() as url:
        yield url


@pytest.fixture
def s3_url(request, monkeypatch):
    """Returns an empty s3:// prefix, or nothing to a test of another place. Sets AWS up for the moto server."""
    from tests.store.places import new_prefix

    if not on_s3(request.node):
        return ""
    s3_endpoint = request.getfixturevalue("s3_endpoint")
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return new_prefix(s3_endpoint)
