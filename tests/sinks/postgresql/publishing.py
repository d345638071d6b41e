"""Scans sent to a database, and what is to be seen there."""

from __future__ import annotations

import io

import psycopg
import pytest

from scanner.sinks.context import SinkContext
from scanner.sinks.postgresql.sink import postgresql_sink


def make(url, scan_id="s1"):
    return postgresql_sink(url, SinkContext(scan_id, pytest.fail, io.BytesIO()))


async def publish(url, scan):
    await publish_by(make(url, scan.summary.scan.scan_id), scan)


async def publish_by(sink, scan):
    try:
        for batch in scan.batches:
            await sink.write(batch)
        await sink.commit(scan.summary)
    finally:
        await sink.aclose()


def rows(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def execute(url, *statements):
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)
