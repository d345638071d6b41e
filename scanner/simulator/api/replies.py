"""Builds what the server sends back: results and errors in the form of each AWS protocol."""

from __future__ import annotations

from enum import Enum
from typing import Literal
from uuid import uuid4
from xml.sax.saxutils import escape

import msgspec
from msgspec import Struct

Protocol = Literal["json", "query", "ec2", "rest-json"]
PROTOCOLS: dict[str, Protocol] = {
    "ssm": "json",
    "organizations": "json",
    "tagging": "json",
    "sts": "query",
    "ec2": "ec2",
    "account": "rest-json",
}
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
EC2_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_JSON = "application/x-amz-json-1.1"
_XML = "text/xml;charset=UTF-8"


class Delivery(Enum):
    """How a reply is sent to the caller."""

    WHOLE = "whole"
    RESET = "the connection is reset instead"
    CUT = "the connection ends in the middle of the body"
    SLOW = "a pause in the middle of the body"
    HANGING = "nothing for a long time, then a reset"


class Reply(Struct, frozen=True):
    """An HTTP response, and how it is delivered."""

    status: int
    body: bytes
    content_type: str = _JSON
    request_id: str = ""  # As the body names it; empty: it does not
    delivery: Delivery = Delivery.WHOLE
    occupies_organizations: bool = False  # Organizations refuses other requests until this reply is delivered


class AwsFailure(Exception):
    """An error response of AWS. `member` is the name of its text; None: the shape has no text."""

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        status: int = 400,
        member: Literal["message", "Message"] | None = "message",
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.member = member


def modeled(code: str, message: str = "") -> AwsFailure:
    """Returns an error that the SSM model declares: its text is in `Message`, that of framework errors in `message`."""
    return AwsFailure(code, message, member="Message")


def json_reply(result: object) -> Reply:
    """Returns the result of a JSON 1.1 operation."""
    return Reply(200, msgspec.json.encode(result))


def xml_reply(operation: str, result: str) -> Reply:
    """Returns the result of a query operation; `result` is XML."""
    request_id = str(uuid4())
    body = (
        f'<{operation}Response xmlns="{STS_NAMESPACE}"><{operation}Result>{result}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Reply(200, body.encode(), _XML, request_id)


def ec2_reply(operation: str, result: str) -> Reply:
    """Returns the result of an EC2 operation; `result` is XML."""
    request_id = str(uuid4())
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{operation}Response xmlns="{EC2_NAMESPACE}">'
        f"<requestId>{request_id}</requestId>{result}</{operation}Response>"
    )
    return Reply(200, body.encode(), _XML, request_id)


def error_reply(protocol: Protocol, failure: AwsFailure) -> Reply:
    """Returns the error in the protocol of the request."""
    request_id = str(uuid4())
    match protocol:
        case "query":
            body = (
                f'<ErrorResponse xmlns="{STS_NAMESPACE}"><Error><Type>Sender</Type><Code>{failure.code}</Code>'
                f"<Message>{escape(failure.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            )
            return Reply(failure.status, body.encode(), _XML, request_id)
        case "ec2":
            body = (
                f"<Response><Errors><Error><Code>{failure.code}</Code><Message>{escape(failure.message)}</Message>"
                f"</Error></Errors><RequestID>{request_id}</RequestID></Response>"
            )
            return Reply(failure.status, body.encode(), _XML, request_id)
        case _:
            error = {"__type": failure.code}
            if failure.member is not None:
                error[failure.member] = failure.message
            return Reply(failure.status, msgspec.json.encode(error))
