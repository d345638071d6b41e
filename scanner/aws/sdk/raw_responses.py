"""Keeps the SDK from decoding SSM answers: its parser takes half the CPU of a scan, and year 1 breaks it.

In a time zone west of UTC botocore fails on a page with one InstalledTime of year 1, which Windows nodes do report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiobotocore.parsers import AioJSONParser, AioResponseParserFactory

if TYPE_CHECKING:
    from botocore.model import Shape
    from botocore.parsers import ResponseParser

RAW_BODY = "RawBody"
_RAW_SHAPES = {
    "DescribeInstanceInformationResult",
    "DescribeInstancePatchStatesResult",
    "DescribeInstancePatchesResult",
}
_SUCCESS = range(200, 300)


class _RawJsonParser(AioJSONParser):
    async def parse(self, response: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
        if response["status_code"] in _SUCCESS and shape.name in _RAW_SHAPES:
            return {RAW_BODY: response["body"], "ResponseMetadata": {"HTTPStatusCode": response["status_code"]}}
        return await super().parse(response, shape)


class RawAnswers(AioResponseParserFactory):
    """Takes the place of the component `response_parser_factory` of a session; errors stay with botocore's parser."""

    def create_parser(self, protocol_name: str) -> ResponseParser:
        if protocol_name == "json":
            return _RawJsonParser()
        return super().create_parser(protocol_name)
