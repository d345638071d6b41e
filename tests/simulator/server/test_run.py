"""The ways to run a simulator: in a thread, over TLS, until cancelled."""

from __future__ import annotations

import ssl
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from urllib.parse import urlsplit

import anyio
import boto3
import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scanner.simulator.generate.build import make_world
from scanner.simulator.server.run import serve_in_thread
from scanner.simulator.server.server import serve

pytestmark = pytest.mark.slow

WORLD = make_world(accounts=2, regions=2, nodes=8, rows=20)


def test_the_environment_points_a_plain_sdk_at_a_simulator_in_a_thread(monkeypatch):
    with serve_in_thread(WORLD) as simulator, ExitStack() as stack:
        for name, value in simulator.environment().items():
            monkeypatch.setenv(name, value)
        session = boto3.session.Session()
        sts = stack.enter_context(closing(session.client("sts")))
        assert sts.get_caller_identity()["Account"] == WORLD.hub_account_id
        ssm = stack.enter_context(closing(session.client("ssm")))
        nodes = ssm.describe_instance_information()["InstanceInformationList"]
        pages = ssm.get_paginator("describe_instance_patches").paginate(InstanceId=nodes[0]["InstanceId"])
        kb_ids = [row["KBId"] for page in pages for row in page["Patches"]]
        key = (WORLD.hub_account_id, "eu-west-1", nodes[0]["InstanceId"])
        assert kb_ids == [row.kb_id for row in simulator.truth().patches_of(*key)]


async def test_a_simulator_can_speak_tls(tmp_path):
    certificate = _self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with serve(WORLD, tls=context) as simulator:
        assert simulator.url.startswith("https://127.0.0.1:")
        trusting = Config(retries={"total_max_attempts": 1})
        sts = boto3.client(
            "sts", endpoint_url=simulator.url, verify=str(certificate), config=trusting, **_keys(simulator)
        )
        answer = await anyio.to_thread.run_sync(sts.get_caller_identity)
        sts.close()
    assert answer["Account"] == WORLD.hub_account_id


def _keys(simulator):
    environment = simulator.environment()
    return {
        "region_name": environment["AWS_REGION"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
    }


def _self_signed(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def test_a_cancelled_simulator_leaves_no_connection_open():
    async def serve_until_cancelled(*, task_status):
        async with serve(WORLD) as simulator:
            task_status.started(urlsplit(simulator.url))
            await anyio.sleep_forever()

    with anyio.fail_after(300):
        async with anyio.create_task_group() as tasks:
            url = await tasks.start(serve_until_cancelled)
            connection = await anyio.connect_tcp(url.hostname, url.port)
            await connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await connection.receive()
            tasks.cancel_scope.cancel()
        async with connection:
            with pytest.raises(anyio.EndOfStream):
                await connection.receive()
        with pytest.raises(OSError, match=r".+"):
            await anyio.connect_tcp(url.hostname, url.port)
