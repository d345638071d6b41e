"""The URL of a database: refused before the scan where it cannot work, and never shown with its password."""

from __future__ import annotations

import socket
import traceback

import pytest

from scanner.core.errors import ConfigError, SinkError
from scanner.sinks.postgresql.address import check_url
from scanner.sinks.testing.samples import awkward_scan, empty_scan
from tests.sinks.postgresql.publishing import make, publish, rows

SCAN = empty_scan("s1")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret@db/x",
        "postgresql://ann:s3%40cret@db:5432/x?sslmode=verify-full&options=-csearch_path%3Dpatches",
        "postgresql://one,two:5433/x?target_session_attrs=read-write",
        "postgresql:///x?host=/var/run/postgresql",
        "postgresql://?service=reports",
        "postgresql://[::1]:5432/x",
    ],
)
def test_a_url_that_libpq_takes_is_taken_and_nothing_is_touched(url):
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "/var/lib/x",
        "host=db password=hush-hush",
        "postgresql://ann:hush-hush@more@db/x",
        "postgresql://ann:hush/hush-hush@db/x",
        "postgresql://ann:hush?hush-hush@db/x",
        "postgresql://ann:hush#hush-hush@db/x",
        "postgresql://db/x?user=ann&password=hush@hush-hush",
    ],
)
def test_a_url_whose_password_might_be_mistaken_is_refused_unseen(url):
    with pytest.raises(ConfigError, match=r"needs a URL like postgresql://user:password@host.*%40 for @") as caught:
        check_url(url)
    assert "hush" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://ann:hush-hush@db/x?sslmod=require", r'postgresql://ann:\*\*\*@db.*"sslmod"'),
        ("postgresql://ann:hush-hush%zz@db/x", r"postgresql://ann:\*\*\*@db"),
    ],
)
def test_a_url_that_libpq_does_not_take_is_refused_in_its_words_less_the_password(url, why):
    with pytest.raises(ConfigError, match=why) as caught:
        check_url(url)
    assert "hush" not in "".join(traceback.format_exception(caught.value))


async def expect_no_connection(url, why):
    with pytest.raises(SinkError, match=why) as caught:
        await publish(url, SCAN)
    said = str(caught.value)
    assert said.startswith("cannot connect to postgresql://")
    assert said.endswith("check the address, the user and the password; patchsweep publish sends a stored scan again")
    assert "\n" not in said
    assert "hush" not in "".join(traceback.format_exception(caught.value))


async def test_a_wrong_password_is_a_sentence_without_it(postgresql):
    await expect_no_connection(
        postgresql.url("postgres", password="hush-hush"), 'password authentication failed for user "admin"'
    )


async def test_a_database_that_is_not_there_is_a_sentence(postgresql):
    await expect_no_connection(postgresql.url("nowhere"), 'database "nowhere" does not exist')


async def test_a_server_that_is_not_there_is_a_sentence():
    await expect_no_connection("postgresql://ann:hush-hush@127.0.0.1:1/x", r"port 1 failed.*refused")


@pytest.mark.parametrize(
    ("host", "why"), [("no-such-host.invalid", "resolve host 'no-such-host.invalid'"), ("db..example", "label empty")]
)
async def test_a_host_that_nobody_knows_is_a_sentence(host, why):
    await expect_no_connection(f"postgresql://ann:hush-hush@{host}/x", why)


async def test_a_server_that_is_not_the_one_its_certificate_names_is_a_sentence(database, postgresql):
    with postgresql.tls() as (port, authority):
        strict = database.replace(f":{postgresql.port}/", f":{port}/") + "?sslmode=verify-full&sslrootcert="
        await publish(f"{strict}{authority}", SCAN)
        await expect_no_connection(f"{strict}system", "certificate verify failed")
        elsewhere = f"{strict}{authority}".replace("127.0.0.1", "localhost")
        await expect_no_connection(elsewhere, 'certificate.* does not match host name "localhost"')


async def test_a_server_that_never_answers_is_given_up_in_time():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://ann:hush-hush@127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2"
        await expect_no_connection(url, "timeout")


async def test_the_password_may_come_from_a_variable_or_a_file(database, postgresql, monkeypatch, tmp_path):
    bare = database.replace(":hush-admin@", "@")
    monkeypatch.setenv("PGPASSWORD", "hush-admin")
    await publish(bare, empty_scan("s1"))
    monkeypatch.delenv("PGPASSWORD")
    (tmp_path / "pgpass").write_text(f"127.0.0.1:{postgresql.port}:*:admin:hush-admin\n")
    (tmp_path / "pgpass").chmod(0o600)
    await publish(f"{bare}?passfile={tmp_path}/pgpass", empty_scan("s2"))
    assert rows(database, "SELECT scan_id FROM scans ORDER BY 1") == [("s1",), ("s2",)]


async def test_the_server_is_told_who_sends(database):
    sink = make(database)
    try:
        await sink.write(awkward_scan("s1").batches[0])
        assert rows(database, "SELECT application_name FROM pg_stat_activity WHERE application_name <> ''") == [
            ("patchsweep",)
        ]
    finally:
        await sink.aclose()
