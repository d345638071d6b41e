"""Publishes to SNS and EventBridge, with the credentials of the run itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from scanner.aws.requests.error_table import kind_of, words_of
from scanner.aws.sdk.errors import sdk_errors
from scanner.aws.sdk.session import Sessions
from scanner.aws.transport.interface import NoResponse, ServiceError
from scanner.core.errors import ConfigError, Denied, NotificationError, Transient
from scanner.notify.destination import Destination
from scanner.notify.message import Message

SOURCE = "patchsweep"
DETAIL_TYPE = "patchsweep scan ended"
_PASSING_CODES = frozenset({"Throttling", "ThrottlingException", "ThrottledException", "InternalFailure"})
_SERVER_ERRORS = range(500, 600)


async def publish_to_topic(sessions: Sessions, destination: Destination, message: Message) -> None:
    """Publishes to an SNS topic; subscribers can filter by the attributes `status` and `exit_code`.

    Raises:
        Transient: another attempt may help.
        NotificationError: SNS refuses; quotes it.
    """
    topic = destination.where
    # A FIFO topic drops a message that it has had within five minutes.
    fifo = {"MessageGroupId": SOURCE, "MessageDeduplicationId": message.key} if topic.endswith(".fifo") else {}
    with _answers("sns:Publish"):
        async with sessions.sns(_region(sessions, destination)) as client:
            await client.publish(
                TopicArn=topic,
                Subject=message.subject,
                Message=message.body().decode(),
                MessageAttributes={
                    "status": {"DataType": "String", "StringValue": message.status},
                    "exit_code": {"DataType": "Number", "StringValue": str(message.exit_code)},
                },
                **fifo,
            )


async def put_event(sessions: Sessions, destination: Destination, message: Message) -> None:
    """Puts one event onto an EventBridge bus; raises as `publish_to_topic` does."""
    entry = {
        "Time": datetime.now(UTC),
        "Source": SOURCE,
        "DetailType": DETAIL_TYPE,
        "Detail": message.body().decode(),
        "EventBusName": destination.where,
    }
    with _answers("events:PutEvents"):
        async with sessions.events(_region(sessions, destination)) as client:
            answer = await client.put_events(Entries=[entry])
    if answer.get("FailedEntryCount"):
        failure = answer["Entries"][0]
        code, text = failure.get("ErrorCode", ""), failure.get("ErrorMessage", "")
        _raise("events:PutEvents", ServiceError(code, text, 0))


def _region(sessions: Sessions, destination: Destination) -> str:
    region = destination.region or sessions.region
    if region is None:
        raise NotificationError("no AWS Region is set; set AWS_REGION, or name the event bus by its ARN")
    return region


@contextmanager
def _answers(operation: str) -> Iterator[None]:
    try:
        with sdk_errors():
            yield
    except ServiceError as error:
        _raise(operation, error)
    except NoResponse as error:
        raise Transient(f"{operation} got no answer: {error}") from error
    except ConfigError as error:
        raise NotificationError(str(error)) from error


def _raise(operation: str, error: ServiceError) -> None:
    text = f"{operation} failed: {words_of(error)}"
    if error.code in _PASSING_CODES or error.status in _SERVER_ERRORS:
        raise Transient(text) from error
    is_denied = issubclass(kind_of(error), Denied)
    remedy = "allow it to the role or user that runs patchsweep" if is_denied else "check notify.to"
    raise NotificationError(f"{text}; {remedy}") from error
