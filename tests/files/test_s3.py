"""Files under an S3 prefix, against moto's server."""

from __future__ import annotations

import logging
import socket
from contextlib import asynccontextmanager

import anyio
import pytest
from aiohttp import web
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from scanner.aws.sdk.session import Sessions
from scanner.core.errors import ConfigError, StoreError
from scanner.core.settings import LimitSettings, Settings
from scanner.files.s3 import open_files, parse_s3_url
from scanner.files.user_files import user_files
from tests.aws.fake_ssm import QUICK
from tests.files.served_s3 import files_at
from tests.moto_server import serving_moto

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def moto():
    logging.getLogger("werkzeug").setLevel("ERROR")
    with serving_moto() as url:
        yield url


@pytest.fixture
async def bucket(moto, monkeypatch, request):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto)
    name = f"bucket-{abs(hash(request.node.name))}"
    async with Sessions(QUICK).s3() as client:
        await client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return name


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://my.bucket-1/a/b", ("my.bucket-1", "a/b")),
        ("s3://bucket/a/b/", ("bucket", "a/b")),
    ],
)
def test_an_s3_url_is_a_bucket_and_a_prefix(url, parts):
    assert parse_s3_url(url) == parts


@pytest.mark.parametrize("url", ["s3:/bucket", "s3://", "s3://B", "/bucket", "https://bucket/x", "s3://under_score/x"])
def test_what_is_no_s3_url_is_refused(url):
    with pytest.raises(ConfigError, match="write it as s3://bucket/prefix"):
        parse_s3_url(url)


async def test_a_file_that_the_user_names_may_be_an_object(bucket):
    async with open_files(f"s3://{bucket}/feeds", QUICK) as files:
        await files.put("kev.json", b"{}")

    [file] = await user_files(f"s3://{bucket}/feeds/kev.json", Settings(limits=QUICK))

    assert file.name == f"s3://{bucket}/feeds/kev.json"
    assert file.open().read() == b"{}"


@pytest.mark.parametrize(("key", "says"), [("nothing.json", "there is no"), ("feeds/", "names no object")])
async def test_an_object_that_is_not_there_is_a_sentence(bucket, key, says):
    with pytest.raises(ConfigError, match=says):
        await user_files(f"s3://{bucket}/{key}", Settings(limits=QUICK))


@pytest.mark.parametrize("prefix", ["", "/deep/down"])
async def test_what_is_put_can_be_listed_got_and_deleted(bucket, prefix):
    async with open_files(f"s3://{bucket}{prefix}", QUICK) as files:
        assert files.url == f"s3://{bucket}{prefix}"
        assert await files.names() == []
        for name in ("scans/2/b", "scans/1/a", "latest.json"):
            await files.put(name, name.encode())
        assert await files.names() == ["latest.json", "scans/1/a", "scans/2/b"]
        assert await files.names("scans/") == ["scans/1/a", "scans/2/b"]
        assert await files.get("scans/1/a") == b"scans/1/a"
        assert await files.get("scans/3/c") is None
        await files.put("latest.json", b"replaced")
        assert await files.get("latest.json") == b"replaced"
        await files.delete(["scans/1/a", "scans/never"])
        assert await files.names() == ["latest.json", "scans/2/b"]


async def test_neighbours_of_the_prefix_are_not_among_its_files(bucket):
    async with open_files(f"s3://{bucket}/one", QUICK) as one, open_files(f"s3://{bucket}/one-more", QUICK) as other:
        await other.put("x", b"")
        assert await one.names() == []


async def test_more_files_than_a_page_or_a_deletion_holds(bucket):
    names = [f"{number:05}" for number in range(1003)]
    for name in names:
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, f"p/{name}", b"")
    async with open_files(f"s3://{bucket}/p", QUICK) as files:
        assert await files.names() == names
        await files.delete(names)
        assert await files.names() == []


async def test_deleting_nothing_asks_nothing(bucket):
    async with open_files(f"s3://{bucket}/p", QUICK) as files:
        await files.delete([])


async def test_a_bucket_that_is_not_there_is_told_with_the_way_out(bucket):
    async with open_files("s3://no-such-bucket/p", QUICK) as files:
        for asking in (files.put("x", b""), files.names(), files.get("x")):
            with pytest.raises(StoreError, match=r"s3://no-such-bucket/p.*NoSuchBucket.*create the bucket"):
                await asking


async def test_an_endpoint_that_nobody_serves_is_told_after_some_tries(monkeypatch):
    with socket.socket() as unserved:
        unserved.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{unserved.getsockname()[1]}")
        async with open_files("s3://bucket/p", LimitSettings(max_attempts=2)) as files:
            with pytest.raises(StoreError, match=r"x cannot be written to s3://bucket/p: .* \(tried 2 times"):
                await files.put("x", b"")


CUT = b"only the beg"  # Announced as longer than it is


class FakeS3:
    """Answers with a script, one request after the other; the last answer is given for ever after."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0
        self.is_over = anyio.Event()

    async def answer(self, request):
        self.asked += 1
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await request.read()
        response = web.Response(status=status, body=body, content_type="application/xml")
        if body == CUT:
            response.content_length = len(CUT) + 9
            await response.prepare(request)
            await response.write_eof()
            request.transport.close()
        if body == STALLED:
            response = web.StreamResponse(headers={"Content-Length": str(len(STALLED) + 9)})
            await response.prepare(request)
            await response.write(STALLED)
            await self.is_over.wait()
        return response


STALLED = b"the beginning, and then nothing"  # Announced as longer than it is, and held open


def s3_error(code):
    return f"<Error><Code>{code}</Code><Message>said S3</Message></Error>".encode()


@asynccontextmanager
async def scripted(monkeypatch, *answers):
    fake = FakeS3(*answers)
    async with files_at(fake.answer, monkeypatch) as files:
        try:
            yield fake, files
        finally:
            fake.is_over.set()


@pytest.mark.parametrize(
    "passing",
    [
        (503, s3_error("SlowDown")),
        (500, s3_error("InternalError")),
        (503, b""),
        (400, s3_error("RequestTimeout")),
        (200, CUT),
    ],
)
async def test_what_may_pass_is_tried_again(monkeypatch, passing):
    async with scripted(monkeypatch, passing, (200, b"the bytes")) as (fake, files):
        assert await files.get("x") == b"the bytes"
        assert fake.asked == 2


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "AccessDenied", "allow s3:ListBucket on the bucket"),
        (403, "InvalidAccessKeyId", "check AWS_PROFILE"),
        (400, "ExpiredToken", "the credentials have expired: log in again, or get new ones .they cannot be renewed."),
        (400, "SomethingNew", "see what S3 says"),
    ],
)
async def test_what_cannot_pass_is_told_after_one_request(monkeypatch, status, code, remedy):
    async with scripted(monkeypatch, (status, s3_error(code))) as (fake, files):
        with pytest.raises(StoreError, match=f"x cannot be read from s3://bucket/p: {code} .said S3.*{remedy}"):
            await files.get("x")
        assert fake.asked == 1


async def test_a_file_that_was_not_deleted_is_told(monkeypatch):
    failed = b"<DeleteResult><Error><Key>p/x</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>"
    async with scripted(monkeypatch, (200, failed)) as (_, files):
        with pytest.raises(StoreError, match="1 files cannot be removed from s3://bucket/p: AccessDenied"):
            await files.delete(["x"])


async def test_a_body_that_does_not_end_is_given_up_and_read_again(monkeypatch):
    async with scripted(monkeypatch, (200, STALLED), (200, b"whole")) as (fake, files):
        files._read_timeout_s = 0.2
        assert await files.get("x") == b"whole"
        assert fake.asked == 2


async def test_a_listing_torn_on_the_way_is_not_taken_for_empty(monkeypatch):
    whole = b"<ListBucketResult><Name>bucket</Name><Contents><Key>p/x</Key></Contents></ListBucketResult>"
    async with scripted(monkeypatch, (200, b""), (200, b"<ListBucketResult><Na"), (200, whole)) as (fake, files):
        assert await files.names() == ["x"]
        assert fake.asked == 3


async def test_without_credentials_the_way_out_is_named(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigError, match="No AWS credentials found to reach s3://bucket/p"):
        async with open_files("s3://bucket/p"):
            pass
