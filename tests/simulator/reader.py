"""The plainest reader that survives every trouble: asks again what passes, starts again what is broken."""

from __future__ import annotations

from aiohttp import ClientError as ConnectionTrouble
from botocore.exceptions import BotoCoreError, ClientError

from scanner.simulator.running.expected_columns import DOCUMENTED, TruePatch
from tests.simulator.clients import client

PASSING = {"ThrottlingException", "InternalServerError", "503", "500"}
MAX_TRIES = 4
MAX_STARTS = 5


async def call(operation, member, **request):
    """The answer, asked for again while the trouble is of the passing kind."""
    for _ in range(MAX_TRIES):
        try:
            answer = await operation(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] not in PASSING:
                raise
        except (BotoCoreError, ConnectionTrouble):
            continue
        else:
            if member in answer:
                return answer
    raise AssertionError(f"still in trouble after {MAX_TRIES} tries: {request}")


async def listing(operation, member, **request):
    """All items of a listing, from one unbroken reading."""
    for _ in range(MAX_STARTS):
        items, seen, token = [], set(), {}
        while True:
            try:
                answer = await call(operation, member, **request, **token)
            except ClientError as error:
                if error.response["Error"]["Code"] != "InvalidNextToken":
                    raise
                break
            items += answer[member]
            following = answer.get("NextToken")
            if not following:
                return items
            if following in seen or len(seen) > 300:
                break
            seen.add(following)
            token = {"NextToken": following}
    raise AssertionError(f"still broken after {MAX_STARTS} readings: {request}")


async def patches_of_target(simulator, account_id, region, **request):
    """Every patch of a target in the form of the truth, sorted, and the number of nodes listed."""
    rows = []
    async with client(simulator, "ssm", account_id=account_id, region=region) as ssm:
        nodes = await listing(ssm.describe_instance_information, "InstanceInformationList", MaxResults=50)
        for instance_id in {node["InstanceId"] for node in nodes}:
            found = await listing(
                ssm.describe_instance_patches, "Patches", InstanceId=instance_id, MaxResults=50, **request
            )
            rows += [true_form(account_id, region, instance_id, row) for row in found]
    return sorted(rows, key=repr), len(nodes)


def true_form(account_id, region, instance_id, row):
    """A wire row as the truth words it."""
    return TruePatch(
        account_id,
        region,
        instance_id,
        row["KBId"],
        row["Title"] or None,
        row["Classification"] or None,
        row["Severity"] or None,
        DOCUMENTED[row["State"]],
        round(row["InstalledTime"] * 1000) if row["InstalledTime"] > 0 else None,
        tuple(sorted(row["CVEIds"].split(","))) if "CVEIds" in row else (),
    )
