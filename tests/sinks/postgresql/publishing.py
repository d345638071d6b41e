"""Scans sent to a database, and what is to be seen there."""

from __future__ import annotations

import io

import psycopg
import pytest

from scanner.sinks.context import SinkContext
from scanner.sinks.postgresql.sink import postgresql_sink
from tests.sinks import publishing


def make(url, scan_id="s1"):
    return postgresql_sink(url, SinkContext(scan_id, pytest.fail, io.BytesIO()))


async def publish(url, scan):
    await publishing.publish(make(url, scan.summary.scan.scan_id), scan)


def rows(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def execute(url, *statements):
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)
