"""A moto server for S3 that tells of each PUT while the object is still on its way, and counts what is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Say nothing."""


class CountingS3:
    """Where it is, who is told of the number of each PUT, the names and bytes read, and how often it listed."""

    def __init__(self) -> None:
        self.url = ""
        self.puts = 0
        self.lists = 0
        self.gets: list[str] = []
        self.bytes_read = 0
        self.told: Callable[[int], None] = lambda _: None

    def application(self):
        moto = DomainDispatcherApplication(create_backend_app)

        def answer(environ, start_response):
            if environ["REQUEST_METHOD"] == "PUT" and environ["PATH_INFO"].count("/") > 1:
                self.puts += 1
                self.told(self.puts)
            if environ["REQUEST_METHOD"] == "GET" and "list-type=2" in environ["QUERY_STRING"]:
                self.lists += 1
            elif environ["REQUEST_METHOD"] == "GET":
                self.gets.append(environ["PATH_INFO"])
                return self._counted(moto(environ, start_response))
            return moto(environ, start_response)

        return answer

    def _counted(self, pieces):
        for piece in pieces:
            self.bytes_read += len(piece)
            yield piece


@contextmanager
def serve_s3(bucket: str) -> Iterator[CountingS3]:
    """Serve S3 with one empty bucket from a thread of its own."""
    s3 = CountingS3()
    server = make_server("127.0.0.1", 0, s3.application(), threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    s3.url = f"http://127.0.0.1:{server.server_port}"
    client = boto3.client(
        "s3", endpoint_url=s3.url, region_name="us-east-1", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="x"
    )
    client.create_bucket(Bucket=bucket)
    client.close()
    try:
        yield s3
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
