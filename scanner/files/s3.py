"""Files under an S3 prefix."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from botocore.exceptions import HTTPClientError

from scanner.aws.requests.retry import RetryPolicy, with_retries
from scanner.aws.sdk.errors import require_members, sdk_errors
from scanner.aws.sdk.session import Sessions
from scanner.aws.transport.interface import NoResponse, ServiceError
from scanner.core.errors import AwsError, ConfigError, StoreError
from scanner.core.interfaces import StoredBytes
from scanner.core.settings import LimitSettings, StoreSettings
from scanner.files.s3_errors import S3Request
from scanner.files.s3_listing import listed_pages
from scanner.files.s3_parameters import S3Parameters

if TYPE_CHECKING:
    from aiobotocore.response import StreamingBody
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

T = TypeVar("T")

_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>[^\x00-\x1f\x7f]*))?")
_CONDITION_FAILED = frozenset({"PreconditionFailed", "NoSuchKey"})  # the latter where If-Match meets no object
_CHUNK_BYTES = 1024 * 1024  # of a body, read under one time limit
DELETE_AT_ONCE = 1000  # the most names that DeleteObjects takes


def parse_s3_url(url: str) -> tuple[str, str]:
    """Returns bucket and prefix of `s3://bucket/prefix`; the prefix may be empty and ends without a slash.

    Raises:
        ConfigError: it is no such URL.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ConfigError(f"{url!r} is no S3 location; write it as s3://bucket/prefix")
    return match["bucket"], (match["prefix"] or "").strip("/")


@asynccontextmanager
async def open_files(
    url: str, limits: LimitSettings | None = None, store: StoreSettings | None = None
) -> AsyncIterator[S3Files]:
    """Opens the files under an S3 URL, with the credentials that the AWS settings in force give.

    Raises:
        ConfigError: no S3 URL, or AWS settings that cannot work.
    """
    bucket, prefix = parse_s3_url(url)
    limits = limits or LimitSettings()
    sessions = Sessions(limits)
    if not await sessions.has_credentials():
        raise ConfigError(f"No AWS credentials found to reach {url}; set AWS_PROFILE or AWS_ACCESS_KEY_ID")
    async with sessions.s3() as client:
        parameters = S3Parameters(bucket, store or StoreSettings())
        yield S3Files(client, url, prefix, parameters, limits)


async def _whole(body: StreamingBody, chunk_timeout_s: float) -> bytes:
    """Reads a body to its end, each chunk within a time limit: aiohttp's own does not see a body that it cannot parse.

    Raises:
        HTTPClientError: it ended early, or a chunk did not come in time.
    """
    chunks: list[bytes] = []
    try:
        while True:
            with anyio.fail_after(chunk_timeout_s):
                chunk = await body.read(_CHUNK_BYTES)
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)
    except TimeoutError as error:
        raise HTTPClientError(error=error) from error
    finally:
        body.close()


class S3Files:
    """Implements `scanner.core.interfaces.Files`: S3 itself writes an object whole or not at all."""

    def __init__(
        self, client: S3Client, url: str, prefix: str, parameters: S3Parameters, limits: LimitSettings
    ) -> None:
        self.url = url
        self._client = client
        self._root = f"{prefix}/" if prefix else ""
        self._parameters = parameters
        self._policy = RetryPolicy.from_limits(limits)
        self._read_timeout_s = limits.read_timeout_s

    async def put(self, name: str, data: bytes) -> None:
        async def attempt() -> None:
            answer = await self._client.put_object(Key=self._root + name, Body=data, **self._parameters.write)
            # What stands between here and S3 may answer with a page and the status of a success.
            require_members(answer, "ETag")

        await self._request(attempt, f"{name} cannot be written to {self.url}", "write")

    async def put_if(self, name: str, data: bytes, version: str | None) -> str | None:
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}

        async def attempt() -> str | None:
            try:
                answer = await self._client.put_object(
                    Key=self._root + name, Body=data, **self._parameters.write, **condition
                )
            except self._client.exceptions.ClientError as error:
                if error.response.get("Error", {}).get("Code") in _CONDITION_FAILED:
                    return None
                raise
            return require_members(answer, "ETag")["ETag"]

        written = await self._request(attempt, f"{name} cannot be written to {self.url}", "write")
        return written or await self._written_before(name, data)

    async def get(self, name: str) -> bytes | None:
        stored = await self.read(name)
        return None if stored is None else stored.data

    async def read(self, name: str) -> StoredBytes | None:
        return await self._get(name, {})

    async def get_range(self, name: str, start: int, length: int) -> bytes | None:
        stored = await self._get(name, {"Range": f"bytes={start}-{start + length - 1}"}) if length else None
        return stored.data if stored is not None else None

    async def names(self, prefix: str = "") -> list[str]:
        return sorted([self._name(entry) async for entry in self._listed(prefix)])

    async def folders(self, prefix: str = "") -> list[str]:
        start = self._root + prefix
        pages = [page async for page in self._pages(start, {"Delimiter": "/"})]
        found = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]
        return sorted(name.removeprefix(start).removesuffix("/") for name in found)

    async def sizes(self, prefix: str = "") -> dict[str, int]:
        return {self._name(entry): entry["Size"] async for entry in self._listed(prefix)}

    async def _listed(self, prefix: str) -> AsyncGenerator[ObjectTypeDef, None]:
        async for page in self._pages(self._root + prefix, {}):
            for entry in page.get("Contents", []):
                yield entry

    async def _pages(
        self, prefix: str, parameters: Mapping[str, Any]
    ) -> AsyncGenerator[ListObjectsV2OutputTypeDef, None]:
        async for page in listed_pages(partial(self._page, prefix, parameters), self.url):
            yield page

    def _name(self, entry: ObjectTypeDef) -> str:
        return entry["Key"].removeprefix(self._root)

    async def delete(self, names: Sequence[str]) -> None:
        for start in range(0, len(names), DELETE_AT_ONCE):
            await self._delete_batch(names[start : start + DELETE_AT_ONCE])

    async def _get(self, name: str, part: Mapping[str, Any]) -> StoredBytes | None:
        async def attempt() -> StoredBytes | None:
            try:
                answer = await self._client.get_object(Key=self._root + name, **self._parameters.every, **part)
            except self._client.exceptions.NoSuchKey:
                return None
            except self._client.exceptions.ClientError as error:
                # A range that begins behind the last byte.
                if error.response.get("Error", {}).get("Code") == "InvalidRange":
                    return StoredBytes(b"", "", 0.0)
                raise
            data = await _whole(answer["Body"], self._read_timeout_s)
            return StoredBytes(data, answer.get("ETag", ""), _age_s(dict(answer)))

        return await self._request(attempt, f"{name} cannot be read from {self.url}", "read")

    async def _written_before(self, name: str, data: bytes) -> str | None:
        """Returns the version if the name has these very bytes, None if it has others.

        It has them where the write succeeded, its answer was lost and it was sent again.
        """
        stored = await self.read(name)
        return stored.version if stored is not None and stored.data == data else None

    async def _page(self, prefix: str, parameters: Mapping[str, Any], token: str) -> ListObjectsV2OutputTypeDef:
        continuation: dict[str, Any] = {**parameters, **({"ContinuationToken": token} if token else {})}

        async def attempt() -> ListObjectsV2OutputTypeDef:
            page = await self._client.list_objects_v2(Prefix=prefix, **self._parameters.every, **continuation)
            return require_members(page, "Name")

        return await self._request(attempt, f"{self.url} cannot be listed", "list")

    async def _delete_batch(self, names: Sequence[str]) -> None:
        async def attempt() -> None:
            answer = await self._client.delete_objects(
                Delete={"Objects": [{"Key": self._root + name} for name in names], "Quiet": True},
                **self._parameters.every,
            )
            for error in answer.get("Errors", []):
                raise ServiceError(error.get("Code", ""), error.get("Message", ""), 200)

        await self._request(attempt, f"{len(names)} files cannot be removed from {self.url}", "delete")

    async def _request(self, attempt: Callable[[], Awaitable[T]], sentence: str, action: str) -> T:
        request = S3Request(sentence, action, bucket_owner=self._parameters.expected_owner, acl=self._parameters.acl)

        async def once() -> T:
            try:
                with sdk_errors():
                    return await attempt()
            except (ServiceError, NoResponse) as failure:
                raise request.error(failure) from failure

        try:
            return await with_retries(once, self._policy)
        except AwsError as error:
            raise StoreError(str(error)) from error


def _age_s(answer: Mapping[str, Any]) -> float:
    """Returns the age by the server's clock alone: its Date of this answer less its Last-Modified of the object."""
    written_at = answer.get("LastModified")
    if written_at is None:
        return 0.0
    try:
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
    except ValueError:
        now = datetime.now(UTC)
    return max(float((now - written_at).total_seconds()), 0.0)
