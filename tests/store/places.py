"""Every kind of `Files` a store may lie on. A new kind costs one entry in `PLACES`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from scanner.core.interfaces import Files
from scanner.files.local import LocalFiles
from scanner.files.s3 import open_files
from tests.store.memory_files import MemoryFiles


@asynccontextmanager
async def folder(tmp_path: Path, s3_url: str) -> AsyncIterator[Files]:
    yield LocalFiles(tmp_path / "store")


@asynccontextmanager
async def memory(tmp_path: Path, s3_url: str) -> AsyncIterator[Files]:
    yield MemoryFiles()


@asynccontextmanager
async def s3(tmp_path: Path, s3_url: str) -> AsyncIterator[Files]:
    async with open_files(s3_url) as files:
        yield files


PLACES = (folder, memory, s3)

every_place = pytest.mark.parametrize("open_place", PLACES, ids=lambda place: place.__name__)


def new_prefix(endpoint: str) -> str:
    """An empty S3 prefix on a moto server."""
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="scans")
    client.close()
    return f"s3://scans/{uuid4().hex}"
