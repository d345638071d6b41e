"""What EC2 and Inventory answer of the nodes of a benchmark: each instance as long as a real one."""

from __future__ import annotations

import json
from collections.abc import Iterable

TAGS_AN_INSTANCE = 15


def instance_id(number: int) -> str:
    """The id of a node; its number says which profile it has."""
    return f"i-{number:017}"


def instances(numbers: Iterable[int], next_token: str) -> bytes:
    """A page of DescribeInstances."""
    more = f"<nextToken>{next_token}</nextToken>" if next_token else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<reservationSet>{''.join(map(_instance, numbers))}</reservationSet>{more}</DescribeInstancesResponse>"
    ).encode()


def _instance(number: int) -> str:
    """One instance with its reservation, of about 5.3 kB."""
    tags = "".join(
        f"<item><key>tag-{tag:02}</key><value>value {tag} of {number}</value></item>" for tag in range(TAGS_AN_INSTANCE)
    )
    return (
        f"<item><reservationId>r-{number:017}</reservationId><ownerId>111111111111</ownerId><groupSet/>"
        f"<instancesSet><item><instanceId>{instance_id(number)}</instanceId><imageId>am{instance_id(number)}</imageId><instanceState>"
        "<code>16</code><name>running</name></instanceState>"
        "<privateDnsName>ip-10-0-0-1.eu-west-1.compute.internal</privateDnsName><dnsName/><reason/>"
        "<keyName>ops</keyName><amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>m7i.large"
        "</instanceType><launchTime>2026-10-01T08:00:00.000Z</launchTime><placement>"
        "<availabilityZone>eu-west-1a</availabilityZone><availabilityZoneId>euw1-az1</availabilityZoneId>"
        "<groupName/><tenancy>default</tenancy></placement><monitoring><state>disabled</state></monitoring>"
        "<subnetId>subnet-0123456789abcdef0</subnetId><vpcId>vpc-0123456789abcdef0</vpcId>"
        "<privateIpAddress>10.0.0.1</privateIpAddress><sourceDestCheck>true</sourceDestCheck><groupSet><item>"
        "<groupId>sg-0123456789abcdef0</groupId><groupName>default</groupName></item><item>"
        "<groupId>sg-0123456789abcdef1</groupId><groupName>web</groupName></item></groupSet>"
        "<architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda"
        "</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs>"
        "<volumeId>vol-0123456789abcdef0</volumeId><status>attached</status>"
        "<attachTime>2026-10-01T08:00:01.000Z</attachTime><deleteOnTermination>true</deleteOnTermination>"
        "</ebs></item><item><deviceName>/dev/xvdb</deviceName><ebs><volumeId>vol-0123456789abcdef1</volumeId>"
        "<status>attached</status><attachTime>2026-10-01T08:00:01.000Z</attachTime><deleteOnTermination>true"
        "</deleteOnTermination></ebs></item></blockDeviceMapping><virtualizationType>hvm</virtualizationType>"
        f"<clientToken>0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f</clientToken><tagSet>{tags}</tagSet>"
        "<hypervisor>xen</hypervisor><networkInterfaceSet><item><networkInterfaceId>eni-0123456789abcdef0"
        "</networkInterfaceId><subnetId>subnet-0123456789abcdef0</subnetId><vpcId>vpc-0123456789abcdef0"
        "</vpcId><description/><ownerId>111111111111</ownerId><status>in-use</status>"
        "<macAddress>02:00:00:00:00:00</macAddress><privateIpAddress>10.0.0.1</privateIpAddress>"
        "<privateDnsName>ip-10-0-0-1.eu-west-1.compute.internal</privateDnsName><sourceDestCheck>true"
        "</sourceDestCheck><groupSet><item><groupId>sg-0123456789abcdef0</groupId><groupName>default"
        "</groupName></item><item><groupId>sg-0123456789abcdef1</groupId><groupName>web</groupName></item>"
        "</groupSet><attachment><attachmentId>eni-attach-0123456789abcdef0</attachmentId><deviceIndex>0"
        "</deviceIndex><status>attached</status><attachTime>2026-10-01T08:00:00.000Z</attachTime>"
        "<deleteOnTermination>true</deleteOnTermination><networkCardIndex>0</networkCardIndex></attachment>"
        "<privateIpAddressesSet><item><privateIpAddress>10.0.0.1</privateIpAddress>"
        "<privateDnsName>ip-10-0-0-1.eu-west-1.compute.internal</privateDnsName><primary>true</primary>"
        "</item></privateIpAddressesSet><ipv6AddressesSet/><interfaceType>interface</interfaceType></item>"
        "</networkInterfaceSet><iamInstanceProfile><arn>arn:aws:iam::111111111111:instance-profile/ssm</arn>"
        "<id>AIPAAAAAAAAAAAAAAAAAA</id></iamInstanceProfile><ebsOptimized>true</ebsOptimized><enaSupport>true"
        "</enaSupport><cpuOptions><coreCount>1</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>"
        "<capacityReservationSpecification><capacityReservationPreference>open"
        "</capacityReservationPreference></capacityReservationSpecification><hibernationOptions>"
        "<configured>false</configured></hibernationOptions><metadataOptions><state>applied</state>"
        "<httpTokens>required</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit>"
        "<httpEndpoint>enabled</httpEndpoint><httpProtocolIpv6>disabled</httpProtocolIpv6>"
        "<instanceMetadataTags>disabled</instanceMetadataTags></metadataOptions><enclaveOptions>"
        "<enabled>false</enabled></enclaveOptions><bootMode>uefi-preferred</bootMode>"
        "<platformDetails>Linux/UNIX</platformDetails><usageOperation>RunInstances</usageOperation>"
        "<usageOperationUpdateTime>2026-10-01T08:00:00.000Z</usageOperationUpdateTime><privateDnsNameOptions>"
        "<hostnameType>ip-name</hostnameType><enableResourceNameDnsARecord>false"
        "</enableResourceNameDnsARecord><enableResourceNameDnsAAAARecord>false"
        "</enableResourceNameDnsAAAARecord></privateDnsNameOptions><maintenanceOptions><autoRecovery>default"
        "</autoRecovery></maintenanceOptions><currentInstanceBootMode>uefi</currentInstanceBootMode></item>"
        "</instancesSet></item>"
    )


def inventory(numbers: Iterable[int], next_token: str) -> bytes:
    """A page of GetInventory."""
    page = {"Entities": list(map(_entity, numbers)), **({"NextToken": next_token} if next_token else {})}
    return json.dumps(page, separators=(",", ":")).encode()


def _entity(number: int) -> dict[str, object]:
    content = {
        "AgentType": "amazon-ssm-agent",
        "AgentVersion": "3.3.2299.0",
        "ComputerName": f"node-{number}.example.internal",
        "InstanceId": instance_id(number),
        "InstanceStatus": "Active",
        "IpAddress": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "PlatformName": "Amazon Linux",
        "PlatformType": "Linux",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance",
    }
    kept = {
        "CaptureTime": "2026-11-25T08:00:00Z",
        "SchemaVersion": "1.0",
        "TypeName": "AWS:InstanceInformation",
        "Content": [content],
    }
    return {"Id": instance_id(number), "Data": {"AWS:InstanceInformation": kept}}
