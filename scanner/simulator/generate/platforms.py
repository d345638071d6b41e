"""The platforms of nodes, and how many patches each usually lists."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Family = Literal["rpm", "deb", "windows"]


class Platform(Struct, frozen=True):
    """`rows` is what such a node lists in practice: about 400 for RPM, 1275 for Ubuntu, 2340 for Windows."""

    key: str
    family: Family
    platform_type: str
    name: str
    version: str
    rows: int
    #: How its packages are marked: `amzn2023`, `el9_6`, `0ubuntu0.22.04`, or the Windows product in a title.
    release: str
    not_applicable: int  # How many patches the patch state counts as not applicable


_ALL = (
    Platform("amazon-linux-2023", "rpm", "Linux", "Amazon Linux", "2023", 410, "amzn2023", 1420),
    Platform("amazon-linux-2", "rpm", "Linux", "Amazon Linux", "2", 435, "amzn2", 2310),
    Platform("rhel-9", "rpm", "Linux", "Red Hat Enterprise Linux", "9.6", 480, "el9_6", 3870),
    Platform("ubuntu-22.04", "deb", "Linux", "Ubuntu", "22.04", 1275, "0ubuntu0.22.04", 10254),
    Platform("ubuntu-24.04", "deb", "Linux", "Ubuntu", "24.04", 1190, "0ubuntu0.24.04", 11876),
    Platform(
        "windows-2022",
        "windows",
        "Windows",
        "Microsoft Windows Server 2022 Datacenter",
        "10.0.20348",
        2340,
        "Microsoft server operating system version 21H2 for x64-based Systems",
        2077,
    ),
    Platform(
        "windows-2019",
        "windows",
        "Windows",
        "Microsoft Windows Server 2019 Datacenter",
        "10.0.17763",
        2520,
        "Windows Server 2019 for x64-based Systems",
        2263,
    ),
)
PLATFORMS: dict[str, Platform] = {platform.key: platform for platform in _ALL}
