"""Opens the places where the store and the sinks keep their files: a folder, or an S3 prefix with its connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from scanner.core.interfaces import Files
from scanner.core.settings import Settings
from scanner.files.local import LocalFiles

FilesOf = Callable[[str], Files]


@asynccontextmanager
async def open_places(locations: Iterable[str], settings: Settings) -> AsyncIterator[FilesOf]:
    """Yields a function from a location to its `Files`; those on S3 must be among `locations`, which are opened first.

    Raises:
        ConfigError: an S3 location that cannot be reached with the AWS settings in force.
    """
    async with AsyncExitStack() as stack:
        remote: dict[str, Files] = {}
        for location in sorted({each for each in locations if each.startswith("s3://")}):
            from scanner.files import s3  # noqa: PLC0415 - brings the AWS SDK: half a second of CPU

            remote[location] = await stack.enter_async_context(s3.open_files(location, settings.limits, settings.store))

        def files(location: str) -> Files:
            return remote[location] if location in remote else LocalFiles(location)

        yield files
