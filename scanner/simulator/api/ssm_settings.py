"""Answers SSM GetServiceSetting: whether Default Host Management Configuration is on in a target."""

from __future__ import annotations

from msgspec import Struct

from scanner.simulator.api.access import check_allowed, check_region
from scanner.simulator.api.replies import Reply, json_reply, modeled
from scanner.simulator.api.ssm_requests import decoder
from scanner.simulator.running.simulation import Call, Simulation

DEFAULT_HOST_MANAGEMENT = "/ssm/managed-instance/default-ec2-instance-management-role"
_ROLE = "service-role/AWSSystemsManagerDefaultEC2InstanceManagementRole"


class _Request(Struct, rename="pascal"):
    setting_id: str = ""


_read = decoder(_Request)


def get_service_setting(simulation: Simulation, call: Call) -> Reply:
    """Answers the only setting; its value is the name of a role.

    Raises:
        AwsFailure: ServiceSettingNotFound, or what the Region or the caller deserves.
    """
    check_region(simulation, call)
    check_allowed(simulation, call)
    setting_id = _read(call.body).setting_id
    if setting_id.rpartition("servicesetting")[2] != DEFAULT_HOST_MANAGEMENT:
        raise modeled("ServiceSettingNotFound", f"Setting {setting_id} is not found")
    region = simulation.world_state.region(call.account_id, call.region)
    is_on = region is not None and region.default_host_management
    return json_reply(
        {
            "ServiceSetting": {
                "SettingId": DEFAULT_HOST_MANAGEMENT,
                "SettingValue": _ROLE if is_on else "$None",
                "LastModifiedDate": 1_700_000_000.0,
                "LastModifiedUser": "System",
                "ARN": f"arn:aws:ssm:{call.region}:{call.account_id}:servicesetting{DEFAULT_HOST_MANAGEMENT}",
                "Status": "Customized" if is_on else "Default",
            }
        }
    )
