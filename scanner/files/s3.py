"""Files under an S3 prefix."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from scanner.aws.requests.error_table import connection_remedy, kind_of
from scanner.aws.requests.retry import RetryPolicy, with_retries
from scanner.aws.sdk.errors import require_members, sdk_errors
from scanner.aws.sdk.session import Sessions
from scanner.aws.transport.interface import NoResponse, ServiceError
from scanner.core.errors import AwsError, ConfigError, CredentialsExpired, StoreError, Throttled, Transient
from scanner.core.settings import LimitSettings

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import ListObjectsV2OutputTypeDef

T = TypeVar("T")

_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>.*))?")
_RETRIED = (Throttled, Transient, CredentialsExpired)
_WAYS_OUT = {
    "NoSuchBucket": "create the bucket or correct its name",
    "AccessDenied": "allow s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject, s3:DeleteObject on the prefix",
    "InvalidAccessKeyId": "check AWS_PROFILE and the access keys",
    "SignatureDoesNotMatch": "check AWS_PROFILE and the access keys",
    "PermanentRedirect": "set AWS_REGION to the Region of the bucket",
}
DELETE_AT_ONCE = 1000
"""The most names that DeleteObjects takes."""


def parse_s3_url(url: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket/prefix`; the prefix may be empty and ends without a slash.

    Raises:
        ConfigError: it is no such URL.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ConfigError(f"{url!r} is no S3 location; write it as s3://bucket/prefix")
    return match["bucket"], (match["prefix"] or "").strip("/")


@asynccontextmanager
async def open_files(url: str, limits: LimitSettings | None = None) -> AsyncIterator[S3Files]:
    """The files under an S3 URL, with the credentials that the AWS settings in force give.

    Raises:
        ConfigError: no S3 URL, or AWS settings that cannot work.
    """
    bucket, prefix = parse_s3_url(url)
    limits = limits or LimitSettings()
    sessions = Sessions(limits)
    if not await sessions.has_credentials():
        raise ConfigError(f"No AWS credentials found to reach {url}; set AWS_PROFILE or AWS_ACCESS_KEY_ID")
    async with sessions.s3() as client:
        yield S3Files(client, url, bucket, prefix, RetryPolicy.from_limits(limits))


class S3Files:
    """Implements `scanner.core.interfaces.Files`: an object is there whole or not at all, by S3's own promise."""

    def __init__(self, client: S3Client, url: str, bucket: str, prefix: str, policy: RetryPolicy) -> None:
        self.url = url
        self._client = client
        self._bucket = bucket
        self._root = f"{prefix}/" if prefix else ""
        self._policy = policy

    async def put(self, name: str, data: bytes) -> None:
        async def attempt() -> None:
            await self._client.put_object(Bucket=self._bucket, Key=self._root + name, Body=data)

        await self._ask(attempt, f"{name} cannot be written to {self.url}")

    async def get(self, name: str) -> bytes | None:
        async def attempt() -> bytes | None:
            try:
                answer = await self._client.get_object(Bucket=self._bucket, Key=self._root + name)
            except self._client.exceptions.NoSuchKey:
                return None
            return await answer["Body"].read()

        return await self._ask(attempt, f"{name} cannot be read from {self.url}")

    async def names(self, prefix: str = "") -> list[str]:
        found: list[str] = []
        token: str | None = ""
        while token is not None:
            page = await self._page(self._root + prefix, token)
            found += [entry["Key"].removeprefix(self._root) for entry in page.get("Contents", [])]
            token = page.get("NextContinuationToken")
        return sorted(found)

    async def delete(self, names: Sequence[str]) -> None:
        for start in range(0, len(names), DELETE_AT_ONCE):
            await self._delete_batch(names[start : start + DELETE_AT_ONCE])

    async def _page(self, prefix: str, token: str) -> ListObjectsV2OutputTypeDef:
        async def attempt() -> ListObjectsV2OutputTypeDef:
            if token:
                page = await self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, ContinuationToken=token)
            else:
                page = await self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
            return require_members(page, "Name")

        return await self._ask(attempt, f"{self.url} cannot be listed")

    async def _delete_batch(self, names: Sequence[str]) -> None:
        async def attempt() -> None:
            answer = await self._client.delete_objects(
                Bucket=self._bucket,
                Delete={"Objects": [{"Key": self._root + name} for name in names], "Quiet": True},
            )
            for error in answer.get("Errors", []):
                raise ServiceError(error.get("Code", ""), error.get("Message", ""), 200)

        await self._ask(attempt, f"{len(names)} files cannot be removed from {self.url}")

    async def _ask(self, attempt: Callable[[], Awaitable[T]], what: str) -> T:
        async def once() -> T:
            try:
                with sdk_errors():
                    return await attempt()
            except (ServiceError, NoResponse) as failure:
                raise _meaning(failure, what) from failure

        try:
            return await with_retries(once, self._policy)
        except AwsError as error:
            raise StoreError(str(error)) from error


def _meaning(failure: ServiceError | NoResponse, what: str) -> AwsError | StoreError:
    if isinstance(failure, NoResponse):
        code, said, remedy = "", failure.reason, connection_remedy(failure)
    else:
        code, said = failure.code, f"{failure.code} ({failure.message})"
        remedy = _WAYS_OUT.get(code, "see what S3 says")
    kind = kind_of(failure)
    sentence = f"{what}: {said}; {remedy}"
    return kind(sentence, code=code) if issubclass(kind, _RETRIED) else StoreError(sentence)
