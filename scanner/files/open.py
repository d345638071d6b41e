"""Where the store and the sinks keep their files: a folder, or an S3 prefix with the connection it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from scanner.core.interfaces import Files
from scanner.core.settings import LimitSettings
from scanner.files import s3
from scanner.files.local import LocalFiles

FilesOf = Callable[[str], Files]


@asynccontextmanager
async def open_places(locations: Iterable[str], limits: LimitSettings) -> AsyncIterator[FilesOf]:
    """Gives the `Files` of a location; those on S3 must be among `locations`, so that they are open by then.

    Raises:
        ConfigError: an S3 location that cannot be reached with the AWS settings in force.
    """
    async with AsyncExitStack() as stack:
        remote = {
            location: await stack.enter_async_context(s3.open_files(location, limits))
            for location in sorted(set(locations))
            if location.startswith("s3://")
        }

        def files(location: str) -> Files:
            return remote[location] if location in remote else LocalFiles(location)

        yield files
