"""Updates that fix known vulnerabilities, so that missing patches look like real ones."""

from __future__ import annotations

from typing import NamedTuple


class Advisory(NamedTuple):
    """A fixed package or Windows update, its severity, and the CVE ids that it fixes."""

    name: str
    severity: str
    cve_ids: tuple[str, ...]


RPM: tuple[Advisory, ...] = (
    Advisory("sudo", "Critical", ("CVE-2025-32462", "CVE-2025-32463")),
    Advisory("kernel", "Important", ("CVE-2024-53104", "CVE-2025-21756", "CVE-2025-38352", "CVE-2024-1086")),
    Advisory("openssl", "Important", ("CVE-2024-12797", "CVE-2025-9230")),
    Advisory("openssh-server", "Important", ("CVE-2024-6387", "CVE-2025-26465")),
    Advisory("glibc", "Important", ("CVE-2023-4911", "CVE-2025-4802")),
    Advisory("rsync", "Critical", ("CVE-2024-12084", "CVE-2024-12085", "CVE-2024-12086")),
    Advisory("redis6", "Critical", ("CVE-2025-49844", "CVE-2025-46817")),
    Advisory("docker", "Critical", ("CVE-2024-41110",)),
    Advisory("libxml2", "Important", ("CVE-2025-49794", "CVE-2025-49796", "CVE-2025-6021")),
    Advisory("sqlite-libs", "Important", ("CVE-2025-6965",)),
    Advisory("python3", "Critical", ("CVE-2025-4517", "CVE-2024-9287")),
    Advisory("git", "Important", ("CVE-2025-48384", "CVE-2025-48385")),
    Advisory("bind-libs", "Important", ("CVE-2025-40778", "CVE-2025-40780")),
    Advisory("expat", "Medium", ("CVE-2024-45492", "CVE-2025-59375")),
    Advisory("curl", "Medium", ("CVE-2023-38545", "CVE-2025-9086")),
    Advisory("libarchive", "Important", ("CVE-2025-5914",)),
    Advisory("pam", "Important", ("CVE-2025-6020",)),
    Advisory("libblockdev", "Important", ("CVE-2025-6019",)),
    Advisory("krb5-libs", "Medium", ("CVE-2024-37371", "CVE-2025-3576")),
    Advisory("runc", "Important", ("CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881")),
    Advisory("containerd", "Medium", ("CVE-2024-25621", "CVE-2025-64329")),
    Advisory("httpd", "Important", ("CVE-2024-38475", "CVE-2025-23048")),
    Advisory("nginx", "Medium", ("CVE-2025-23419",)),
    Advisory("php8.3", "Critical", ("CVE-2024-4577",)),
    Advisory("postgresql15", "Important", ("CVE-2025-1094",)),
    Advisory("java-17-amazon-corretto", "Important", ("CVE-2025-30749", "CVE-2025-50106")),
    Advisory("libtiff", "Important", ("CVE-2025-9900",)),
    Advisory("gnutls", "Medium", ("CVE-2025-32988", "CVE-2025-32990")),
    Advisory("systemd", "Medium", ("CVE-2025-4598",)),
    Advisory("xz-libs", "Important", ("CVE-2025-31115",)),
    Advisory("vim-minimal", "Low", ("CVE-2025-53905", "CVE-2025-53906")),
    Advisory("less", "Low", ("CVE-2024-32487",)),
)

WINDOWS: tuple[Advisory, ...] = (
    Advisory("2025-11 Cumulative Update", "Critical", ("CVE-2025-60724", "CVE-2025-62215", "CVE-2025-60719")),
    Advisory("2025-10 Cumulative Update", "Critical", ("CVE-2025-59287", "CVE-2025-24990", "CVE-2025-59230")),
    Advisory("2025-09 Cumulative Update", "Important", ("CVE-2025-54918", "CVE-2025-55234")),
    Advisory("2025-08 Cumulative Update", "Critical", ("CVE-2025-53766", "CVE-2025-50165", "CVE-2025-53778")),
    Advisory("2025-06 Cumulative Update", "Important", ("CVE-2025-33053", "CVE-2025-33073")),
    Advisory("2025-04 Cumulative Update", "Important", ("CVE-2025-29824",)),
    Advisory("2025-10 Cumulative Update for .NET Framework 3.5 and 4.8", "Important", ("CVE-2025-55248",)),
    Advisory("2025-07 Security Update for SQL Server 2019 GDR", "Important", ("CVE-2025-49717", "CVE-2025-49719")),
    Advisory(
        "2025-07 Security Update for Microsoft SharePoint Server", "Critical", ("CVE-2025-53770", "CVE-2025-53771")
    ),
    Advisory("2025-05 Servicing Stack Update", "Critical", ()),
    Advisory("2025-11 Update for Windows Security platform", "Unspecified", ()),
    Advisory("Windows Malicious Software Removal Tool x64", "Unspecified", ()),
)

#: On Debian and Ubuntu the agent reports no CVE ids, so the packages alone.
DEB: tuple[str, ...] = (
    "openssl",
    "libssl3",
    "openssh-server",
    "sudo",
    "linux-image-aws",
    "libc6",
    "libxml2",
    "python3.12",
    "rsync",
    "git",
    "curl",
    "libexpat1",
    "libpam-modules",
    "libblockdev2",
    "runc",
    "containerd",
    "apache2",
    "nginx-core",
    "postgresql-16",
    "libgnutls30",
    "bind9-libs",
    "libarchive13",
    "vim-tiny",
    "libsqlite3-0",
)
