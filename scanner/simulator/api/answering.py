"""Turns a raw request into a reply without any I/O: signature, token bucket, fault, operation."""

from __future__ import annotations

from hashlib import blake2b
from uuid import uuid4

from msgspec import structs

from scanner.simulator.api.authenticate import expired, keys_of, signed_by
from scanner.simulator.api.organizations import busy
from scanner.simulator.api.replies import AwsFailure, Delivery, Reply, error_reply
from scanner.simulator.api.services import LISTS, OPERATIONS, operation_of, protocol_of, too_fast, unknown_operation
from scanner.simulator.api.sigv4 import RawRequest
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.faults import Passing

_HTML_503 = b"<html><body><h1>503 Service Unavailable</h1></body></html>"
_DELIVERIES = {
    Passing.RESET: Delivery.RESET,
    Passing.CUT_BODY: Delivery.CUT,
    Passing.SLOW_BODY: Delivery.SLOW,
    Passing.HANGING: Delivery.HANGING,
}


def answer(simulation: Simulation, request: RawRequest) -> Reply:
    """Returns the reply to a request; every failure is a reply too."""
    service = ""
    try:
        signed = signed_by(request)
        service = signed.service
        keys = keys_of(request, signed, simulation.sessions, skew_s=simulation.faults.clock_skew_s)
        operation = operation_of(service, request.path, request.headers, request.body)
        call = Call(service, operation, signed.region, keys, request.body)
        reply = _counted(simulation, call, request)
    except AwsFailure as failure:
        simulation.stats.errors[failure.code] += 1
        reply = error_reply(protocol_of(service, request.body), failure)
    return reply if reply.request_id else structs.replace(reply, request_id=str(uuid4()))


def _counted(simulation: Simulation, call: Call, request: RawRequest) -> Reply:
    stats, key = simulation.stats, (call.account_id, call.region, call.operation)
    stats.by_key[key] += 1
    for watcher in simulation.watchers:
        watcher(call)
    stats.sdk_attempts[_sdk_attempt(request.headers.get("amz-sdk-request", ""))] += 1
    handler = OPERATIONS.get((call.service, call.operation))
    if handler is None:
        raise unknown_operation(protocol_of(call.service, call.body))
    if not simulation.buckets.take(key):
        stats.throttled_by_key[key] += 1
        raise too_fast(call.service)
    occupies = call.service == "organizations" and simulation.faults.organizations_one_at_a_time
    if occupies and simulation.organizations_busy:
        raise busy()
    call.keys.served += 1
    trouble = _trouble(simulation, call)
    if trouble is not None:
        stats.faults[trouble.value] += 1
        early = _instead(simulation, call, trouble)
        if early is not None:
            return early
    if call.service == "ssm":
        simulation.scheduled_changes.request_came(call.account_id, call.region)
    reply = handler(simulation, call)
    if occupies:
        simulation.organizations_busy = True
        reply = structs.replace(reply, occupies_organizations=True)
    return reply if trouble is None else _spoiled(reply, trouble)


def _trouble(simulation: Simulation, call: Call) -> Passing | None:
    if not simulation.faults.any_passing:
        return None
    body = blake2b(call.body, digest_size=12).hexdigest()
    trouble = simulation.fault_picker.passing(
        f"{call.account_id}/{call.region}/{call.operation}/{body}", call.operation
    )
    if trouble is Passing.EARLY_EXPIRY and not simulation.sessions.end_early(call.keys):
        return None
    if trouble is Passing.MISSING_LIST and call.operation not in LISTS:
        return None
    return trouble


def _instead(simulation: Simulation, call: Call, trouble: Passing) -> Reply | None:
    """Returns the reply of a fault that replaces the operation's own, or None: the operation is carried out."""
    match trouble:
        case Passing.INTERNAL_ERROR_500:
            raise AwsFailure(
                "InternalServerError", "An error occurred on the server side.", status=500, member="Message"
            )
        case Passing.THROTTLED:
            simulation.stats.throttled_by_key[call.account_id, call.region, call.operation] += 1
            raise too_fast(call.service)
        case Passing.EARLY_EXPIRY:
            raise expired(call.service)
        case Passing.HTML_503:
            return Reply(503, _HTML_503, "text/html")
        case Passing.RESET | Passing.HANGING:
            return Reply(200, b"", delivery=_DELIVERIES[trouble])
        case _:
            return None


def _spoiled(reply: Reply, trouble: Passing) -> Reply:
    """Returns the operation's own reply with the faults that spoil it on its way."""
    match trouble:
        case Passing.TRUNCATED_BODY:
            return structs.replace(reply, body=reply.body[: len(reply.body) // 2])
        case Passing.EMPTY_BODY:
            return structs.replace(reply, body=b"")
        case Passing.MISSING_LIST:
            return structs.replace(reply, body=b"{}")
        case _:
            return structs.replace(reply, delivery=_DELIVERIES[trouble])


def _sdk_attempt(header: str) -> int:
    """Returns the number behind `attempt=` in an amz-sdk-request header."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == "attempt" and value.isdigit():
            return int(value)
    return 1
