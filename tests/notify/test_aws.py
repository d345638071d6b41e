"""SNS and EventBridge on moto's server."""

from __future__ import annotations

import json

import boto3
import pytest

from scanner.core.settings import NotifySettings
from scanner.notify.send import send_to_all
from tests.moto_server import serving_moto
from tests.notify.messages import MESSAGE

pytestmark = pytest.mark.slow

REGION = "eu-central-1"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(scope="module")
def moto():
    with serving_moto() as url:
        yield url


@pytest.fixture
def client(moto, monkeypatch):
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": moto, "AWS_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(name, value)
    return lambda service: boto3.client(service, region_name=REGION, endpoint_url=moto)


@pytest.fixture
def queue(client):
    """The URL and the ARN of a queue, and what reads it."""
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    yield arn, lambda: [json.loads(each["Body"]) for each in sqs.receive_message(QueueUrl=url).get("Messages", [])]
    sqs.delete_queue(QueueUrl=url)


async def test_subscribers_of_a_topic_get_the_document_and_attributes_to_filter_by(client, queue):
    topic = client("sns").create_topic(Name="scans")["TopicArn"]
    arn, read = queue
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    assert await send_to_all(NotifySettings(to=(f"sns:{topic}",)), MESSAGE) == {}

    (heard,) = read()
    assert json.loads(heard["Message"]) == MESSAGE.document
    assert heard["Subject"] == "patchsweep: Scan 20261125T210048Z-623611 is partial."
    assert heard["MessageAttributes"]["status"]["Value"] == "partial"


async def test_a_fifo_topic_gets_its_message_once(client):
    topic = client("sns").create_topic(Name="scans.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]

    assert await send_to_all(NotifySettings(to=(f"sns:{topic}",)), MESSAGE) == {}


async def test_a_rule_on_a_bus_matches_the_event(client, queue):
    events = client("events")
    bus = events.create_event_bus(Name="security")["EventBusArn"]
    arn, read = queue
    pattern = {"source": ["patchsweep"], "detail": {"status": ["partial"]}}
    events.put_rule(Name="partial", EventBusName="security", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="partial", EventBusName="security", Targets=[{"Id": "queue", "Arn": arn}])

    assert await send_to_all(NotifySettings(to=(f"eventbridge:{bus}",)), MESSAGE) == {}

    (heard,) = read()
    assert (heard["detail-type"], heard["detail"]) == ("patchsweep scan ended", MESSAGE.document)


async def test_a_topic_that_is_not_there_is_named_with_the_words_of_aws(client):
    topic = f"arn:aws:sns:{REGION}:123456789012:none"

    failures = await send_to_all(NotifySettings(to=(f"sns:{topic}",)), MESSAGE)

    reason = failures[f"sns:{topic}"]
    assert reason.startswith("sns:Publish failed: NotFound")
    assert reason.endswith("; check notify.to")


async def test_missing_credentials_are_named(client, monkeypatch, tmp_path):
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    topic = f"arn:aws:sns:{REGION}:123456789012:none"

    (reason,) = (await send_to_all(NotifySettings(to=(f"sns:{topic}",)), MESSAGE)).values()

    assert "credentials" in reason
