"""The ways to run a simulator: in a thread, until cancelled, over TLS."""

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

from scanner.simulator.buckets import Rate
from scanner.simulator.build import make_world
from scanner.simulator.faults import Faults
from scanner.simulator.run import SimulateOptions, WorldOptions, serve_in_thread, simulate
from scanner.simulator.server import serve
from tests.simulator.clients import client, refused

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


async def test_simulate_serves_what_the_options_say_until_it_is_cancelled():
    asked = []

    async def ask(simulator):
        async with client(simulator, "sts") as sts, client(simulator, "ssm") as ssm:
            asked.append((await sts.get_caller_identity())["Account"])
            await ssm.describe_instance_information()
            asked.append((await refused(ssm.describe_instance_information()))[0])

    options = SimulateOptions(
        world=WorldOptions(accounts=2, regions=1, nodes=4, rows=10),
        rate=Rate(rate_per_s=0.001, burst=1),
        faults=Faults(gone=1.0),
    )
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            ready = anyio.Event()
            served = []

            def is_ready(simulator):
                served.append(simulator)
                ready.set()

            tasks.start_soon(simulate, options, is_ready)
            await ready.wait()
            await ask(served[0])
            tasks.cancel_scope.cancel()
    assert asked == [WORLD.hub_account_id, "ThrottlingException"]
    assert {node.status.value for node in served[0].truth().nodes.values()} == {"gone"}


async def test_without_a_world_the_demonstration_is_served():
    served = []
    with anyio.move_on_after(10):
        async with anyio.create_task_group() as tasks:

            def ready(simulator):
                served.append(simulator.world.node_count)
                tasks.cancel_scope.cancel()

            tasks.start_soon(simulate, SimulateOptions(), ready)
    assert served[0] > 300


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
    ready = anyio.Event()
    urls = []

    def is_ready(simulator):
        urls.append(urlsplit(simulator.url))
        ready.set()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(simulate, SimulateOptions(world=WorldOptions(nodes=1)), is_ready)
            await ready.wait()
            connection = await anyio.connect_tcp(urls[0].hostname, urls[0].port)
            await connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await connection.receive()
            tasks.cancel_scope.cancel()
        async with connection:
            with pytest.raises(anyio.EndOfStream):
                await connection.receive()
        with pytest.raises(OSError, match=r".+"):
            await anyio.connect_tcp(urls[0].hostname, urls[0].port)
