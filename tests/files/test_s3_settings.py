"""The settings of a store on S3 reach every request, and its errors say what helps."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from scanner.aws.transport.interface import ServiceError
from scanner.core.errors import StoreError, Transient
from scanner.core.settings import StoreSettings
from scanner.files.s3 import open_files
from scanner.files.s3_errors import S3Request
from scanner.files.write_test import probe_store
from tests.files.served_s3 import files_at

SETTINGS = StoreSettings(
    kms_key_id="alias/scans", acl="bucket-owner-full-control", expected_bucket_owner="111122223333"
)


class RecordingS3:
    """Keeps each request's method and headers; answers a script, then success."""

    def __init__(self, *answers):
        self.requests = []
        self._answers = list(answers)

    async def answer(self, request):
        await request.read()
        self.requests.append((request.method, request.query_string, dict(request.headers)))
        if self._answers:
            status, code = self._answers.pop(0)
            body = f"<Error><Code>{code}</Code><Message>said S3</Message></Error>"
            return web.Response(status=status, text=body, content_type="application/xml")
        body = "<ListBucketResult><Name>bucket</Name></ListBucketResult>" if "list-type" in request.query_string else ""
        return web.Response(text=body, headers={"ETag": '"1"', "Last-Modified": "Wed, 25 Nov 2026 18:00:00 GMT"})


@asynccontextmanager
async def recorded(monkeypatch, *answers, settings=SETTINGS):
    s3 = RecordingS3(*answers)
    async with files_at(s3.answer, monkeypatch, settings) as files:
        yield s3, files


async def test_the_expected_owner_is_named_in_every_request_and_the_key_and_acl_in_every_write(monkeypatch):
    async with recorded(monkeypatch) as (s3, files):
        await files.put("a", b"x")
        await files.put_if("b", b"x", None)
        await files.put_if("b", b"x", '"1"')
        await files.get("a")
        await files.names()
        await files.delete(["a"])

    assert len(s3.requests) == 6
    for method, _, headers in s3.requests:
        assert headers["x-amz-expected-bucket-owner"] == "111122223333"
        if method == "PUT":
            assert headers["x-amz-server-side-encryption"] == "aws:kms"
            assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/scans"
            assert headers["x-amz-acl"] == "bucket-owner-full-control"
    assert [headers.get("If-None-Match") for _, _, headers in s3.requests[:3]] == [None, "*", None]
    assert [headers.get("If-Match") for _, _, headers in s3.requests[:3]] == [None, None, '"1"']


async def test_without_settings_no_request_names_them(monkeypatch):
    async with recorded(monkeypatch, settings=StoreSettings()) as (s3, files):
        await files.put("a", b"x")

    ((_, _, headers),) = s3.requests
    assert not [name for name in headers if re.match(r"x-amz-(acl|expected|server-side)", name, re.IGNORECASE)]


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted"])
async def test_a_conflict_of_conditional_writes_is_sent_again(code, monkeypatch):
    async with recorded(monkeypatch, (409, code)) as (s3, files):
        assert await files.put_if("a", b"x", None) == '"1"'
        assert len(s3.requests) == 2


async def test_a_condition_that_failed_is_no_error(monkeypatch):
    async with recorded(monkeypatch, (412, "PreconditionFailed"), (404, "NoSuchKey"), (404, "NoSuchKey")) as (_, files):
        assert await files.put_if("a", b"x", None) is None
        assert await files.put_if("a", b"x", '"1"') is None


async def test_a_condition_that_our_own_lost_write_made_fail_is_a_success(s3_url):
    """The first answer was lost and the write was sent again: the bytes that are there are those of this write."""
    async with open_files(s3_url) as files:
        version = await files.put_if("a", b"x", None)
        assert await files.put_if("a", b"x", None) == version
        assert await files.put_if("a", b"y", None) is None


async def test_a_server_that_does_not_know_conditions_is_found_out_by_the_write_test(monkeypatch):
    class Ignores(RecordingS3):
        async def answer(self, request):
            if request.method == "GET" and "list-type" not in request.query_string:
                return web.Response(body=self.held, headers={"ETag": '"1"'})
            if request.method == "PUT":
                self.held = await request.read()
                self.name = request.path.removeprefix("/bucket/")
                return web.Response(headers={"ETag": '"1"'})
            if "list-type" in request.query_string:
                key = f"<Contents><Key>{self.name}</Key></Contents>"
                return web.Response(
                    text=f"<ListBucketResult><Name>bucket</Name>{key}</ListBucketResult>",
                    content_type="application/xml",
                )
            return await super().answer(request)

    async with files_at(Ignores().answer, monkeypatch, SETTINGS) as files:
        assert not await probe_store(files)


async def test_a_missing_permission_to_list_is_found_by_the_write_test(monkeypatch):
    async with recorded(monkeypatch) as (s3, files):
        put = files.put

        async def put_and_then_deny(name, data):
            await put(name, data)
            s3._answers.append((403, "AccessDenied"))

        monkeypatch.setattr(files, "put", put_and_then_deny)
        with pytest.raises(StoreError, match=r"cannot be listed: AccessDenied .* allow s3:ListBucket on the bucket"):
            await probe_store(files)


@pytest.mark.parametrize(
    ("action", "code", "message", "remedy"),
    [
        ("write", "AccessDenied", "User: x is not authorized to perform: kms:GenerateDataKey", "allow kms:Generate"),
        (
            "write",
            "AccessDenied",
            "Access Denied",
            "allow s3:PutObject on .*; allow s3:PutObjectAcl for",
        ),
        ("delete", "AccessDenied", "Access Denied", "check that account 111122223333 .*expected_bucket_owner. owns"),
        ("read", "AccessDenied", "Access Denied", "allow s3:GetObject on the prefix; .*s3:ListBucket on the bucket"),
        ("write", "AccessControlListNotSupported", "no", "remove store.acl"),
        ("write", "KMS.NotFoundException", "no", "correct store.kms_key_id"),
        ("write", "SomethingNew", "no", "see what S3 says"),
    ],
)
def test_the_remedy_follows_from_what_s3_says(action, code, message, remedy):
    request = S3Request("x cannot be used", action, bucket_owner="111122223333", acl="private")

    error = request.error(ServiceError(code, message, 403))

    assert isinstance(error, StoreError)
    assert re.search(remedy, str(error))


def test_a_conflict_may_pass():
    request = S3Request("x cannot be used", "write", bucket_owner=None, acl=None)

    assert isinstance(request.error(ServiceError("ConditionalRequestConflict", "no", 409)), Transient)


MORE_WITHOUT_A_WAY = {
    "no token": "",
    "an empty token": "<NextContinuationToken></NextContinuationToken>",
    "the token of the page before": "<NextContinuationToken>again</NextContinuationToken>",
    "the marker of the first version": "<NextMarker>scans/1</NextMarker>",
}


@pytest.mark.parametrize("how", MORE_WITHOUT_A_WAY)
@pytest.mark.parametrize("ask", ["names", "folders", "sizes"])
async def test_a_listing_that_says_more_follows_and_not_where_is_never_taken_for_whole(how, ask, monkeypatch):
    async def answer(_):
        entry = "<Contents><Key>prefix/a</Key><Size>1</Size></Contents>"
        page = f"<Name>bucket</Name><IsTruncated>true</IsTruncated>{MORE_WITHOUT_A_WAY[how]}{entry}"
        return web.Response(text=f"<ListBucketResult>{page}</ListBucketResult>")

    async with files_at(answer, monkeypatch, SETTINGS) as files:
        with pytest.raises(StoreError, match=r"cannot be listed to its end.*ListObjectsV2"):
            await getattr(files, ask)()


async def test_a_page_with_the_status_of_a_success_is_no_written_file(monkeypatch):
    async def answer(_):
        return web.Response(text="<html><body>Welcome to the hotel</body></html>", content_type="text/html")

    async with files_at(answer, monkeypatch, SETTINGS) as files:
        with pytest.raises(StoreError, match="a cannot be written"):
            await files.put("a", b"x")
        with pytest.raises(StoreError, match="a cannot be written"):
            await files.put_if("a", b"x", None)
