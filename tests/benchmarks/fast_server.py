"""A server that answers from bytes made beforehand, in a process of its own, so that only the client is measured.

It checks no signature. `GET /stats` gives what it counted as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import ssl
import sys
import time
from collections import Counter

from tests.benchmarks import answers
from tests.benchmarks.buckets import Buckets

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"\r\nx-amz-target: *AmazonSSM\.(\w+)", re.IGNORECASE)
_SCOPE = re.compile(rb"Credential=(\w+)/\d+/([\w-]+)/(\w+)/aws4_request")
_ACTION = re.compile(rb"Action=(\w+)")
_ROLE_ACCOUNT = re.compile(rb"(?:%3A%3A|::)(\d{12})(?:%3A|:)role")


class Service:
    """What is asked, in bytes, to what is answered, in bytes."""

    def __init__(self, nodes_by_region: dict[str, int], buckets: Buckets, *, unlike: bool) -> None:
        self._ssm = answers.ssm_of(nodes_by_region, unlike=unlike)
        self._empty = answers.SsmAnswers(0, answers.make_profiles())
        self._region_names = list(nodes_by_region)
        self._buckets = buckets
        self.counts: Counter[str] = Counter()

    def answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET /stats"):
            return answers.http(json.dumps({"counts": self.counts, "answers": self._buckets.answers}).encode())
        scope, target = _SCOPE.search(head), _TARGET.search(head)
        if scope is None:
            return answers.UNKNOWN
        key, region = scope[1].decode(), scope[2].decode()
        if target is None:
            return self._query(key, region, body)
        operation = target[1].decode()
        self.counts[operation] += 1
        if not self._buckets.grants((key, region, operation), time.monotonic()):
            return answers.THROTTLED
        ssm = self._ssm.get(region, self._empty)
        match operation:
            case "DescribeInstancePatches":
                return ssm.patches(body)
            case "DescribeInstancePatchStates":
                return ssm.states(body)
            case "DescribeInstanceInformation":
                return ssm.listing(body)
            case "GetInventory":
                return ssm.inventory(body)
        return answers.NOTHING_KEPT.get(operation, answers.UNKNOWN)

    def _query(self, key: str, region: str, body: bytes) -> bytes:
        found = _ACTION.search(body)
        action = found[1].decode() if found else ""
        self.counts[action] += 1
        match action:
            case "GetCallerIdentity":
                return answers.caller_identity(answers.HUB_ACCOUNT if key.startswith("AKIA") else key[4:])
            case "AssumeRole":
                account = _ROLE_ACCOUNT.search(body)
                return answers.assumed_role(account[1].decode()) if account else answers.UNKNOWN
            case "DescribeRegions":
                return answers.regions(self._region_names)
            case "DescribeInstances":
                return self._ssm.get(region, self._empty).instances(body)
        return answers.UNKNOWN


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as much of it as AWS clients use."""

    def __init__(self, service: Service, latency_s: float) -> None:
        self._service = service
        self._latency_s = latency_s
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        while (end := self._received.find(_HEAD_END)) >= 0:
            head, start = self._received[:end], end + len(_HEAD_END)
            length = _LENGTH.search(head)
            stop = start + (int(length[1]) if length else 0)
            if len(self._received) < stop:
                return
            body, self._received = self._received[start:stop], self._received[stop:]
            self._send(self._service.answer(head, body))

    def _send(self, answer: bytes) -> None:
        assert self._transport is not None
        if self._latency_s:
            asyncio.get_running_loop().call_later(self._latency_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def _serve(given: argparse.Namespace) -> None:
    tls = None
    if given.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(given.certificate)
    buckets = Buckets(json.loads(given.rates), given.burst)
    service = Service(json.loads(given.nodes), buckets, unlike=given.unlike)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service, given.latency), "127.0.0.1", 0, ssl=tls, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", default="{}", help="JSON object: Region to number of nodes")
    parser.add_argument("--unlike", action="store_true", help="no two nodes list the same page")
    parser.add_argument("--rates", default="[]", help="JSON list of [since second, tokens a second]; empty: no limit")
    parser.add_argument("--burst", type=float, default=40.0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--certificate", metavar="FILE", help="serve TLS with this key and certificate")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
