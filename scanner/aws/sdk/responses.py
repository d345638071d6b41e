"""Reads the SDK's answers: leaves some undecoded, and takes nothing for an answer of AWS that is none.

botocore's parsers trust what they read. Bytes that are not UTF-8, a number in place of a list or a proxy's page make
them raise whatever Python raises, or succeed without the members that matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from aiobotocore.parsers import AioResponseParser, AioResponseParserFactory
from botocore.model import Shape
from botocore.parsers import ResponseParserError

from scanner.aws.operations import OPERATIONS
from scanner.aws.sdk.shapes import conformed
from scanner.aws.transport.answers import has_own_meaning, not_from_aws

RAW_BODY = "RawBody"
#: botocore's parser takes half the CPU of a scan, and in a time zone west of UTC it fails on a page with one
#: InstalledTime of year 1, which Windows nodes do report.
_RAW_OPERATIONS = frozenset(operation.name for operation in OPERATIONS if operation.service in ("ssm", "tag"))
#: The SDK drops members that are newer than it: `operator` of DescribeInstances, `Paths` of ListAccounts.
_RAW_FOR_NEW_MEMBERS = frozenset({"DescribeInstances", "ListAccounts"})
_SUCCESS = range(200, 300)
#: Those of S3 name a Region, not a place to send to.
_REDIRECTS = range(300, 400)
_NOT_MODIFIED = 304
_ERRORS = range(400, 600)


class ResponseParsers(AioResponseParserFactory):
    """Takes the place of the component `response_parser_factory` of a session."""

    def create_parser(self, protocol_name: str) -> StrictParser:  # type: ignore[override]  # has all that is called
        parser = cast("AioResponseParser", super().create_parser(protocol_name))
        return StrictParser(parser, is_s3=protocol_name == "rest-xml")


class StrictParser:
    """Parses with botocore's parser of a protocol, and lets only answers of AWS pass."""

    def __init__(self, parser: AioResponseParser, *, is_s3: bool) -> None:
        self._parser = parser
        self._is_s3 = is_s3

    async def parse(self, response: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
        """Returns what botocore's parser returns; of an answer that is left undecoded, its body under `RAW_BODY`.

        Raises:
            NoResponse: the answer is none of AWS: a redirect, a proxy's page, or bytes that cannot be decoded.
        """
        status: int = response["status_code"]
        if status in _SUCCESS:
            if response["context"].get("operation_name") in _RAW_OPERATIONS | _RAW_FOR_NEW_MEMBERS:
                return {RAW_BODY: response["body"], "ResponseMetadata": {"HTTPStatusCode": status}}
            return conformed(await self._parsed(response, shape), shape)
        if status not in _ERRORS and not (self._is_s3 and status in _REDIRECTS):
            raise not_from_aws(status, response["headers"].get("location"))
        if self._is_s3 and (status == _NOT_MODIFIED or not response["body"]):
            return await self._parsed(response, shape)  # S3 answers HEAD requests by status alone
        return await self._error(response, shape)

    async def _error(self, response: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
        status: int = response["status_code"]
        try:
            parsed = await self._parsed(response, shape)
        except ResponseParserError:
            parsed = {}
        if shape is not None and shape.metadata.get("exception"):
            return parsed  # the same answer once more, for the members of one error
        error = parsed.get("Error")
        code = error.get("Code") if isinstance(error, dict) else None
        if isinstance(code, str) and code not in ("", str(status)):
            return conformed(parsed, None)
        if not has_own_meaning(status):
            raise not_from_aws(status, response["headers"].get("location"))
        return {"Error": {"Code": str(status), "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}

    async def _parsed(self, response: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
        try:
            parsed: dict[str, Any] = await self._parser.parse(response, shape)
        except Exception as error:
            # ValueError, RecursionError, TypeError, AttributeError and KeyError were seen; the list is the parser's.
            body = response["body"]
            repaired = body.decode("utf-8", "replace").encode() if isinstance(body, bytes) else body
            if repaired == body:
                raise ResponseParserError(f"it cannot be decoded ({error!r})") from error
            return await self._parsed({**response, "body": repaired}, shape)
        return parsed
