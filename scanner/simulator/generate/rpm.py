"""Generates packages of Amazon Linux and RHEL: ids `name.arch`, titles `name.arch:epoch:version-release`."""

from __future__ import annotations

from random import Random

from scanner.simulator.generate import advisories
from scanner.simulator.generate.packages import Package
from scanner.simulator.generate.platforms import Platform

_WORDS = """
acl attr audit amazon-ssm-agent basesystem bash bc bind-license binutils boost brotli bzip2 ca-certificates
chkconfig chrony cloud-init cloud-utils coreutils cpio cracklib cronie crypto-policies cryptsetup cyrus-sasl
dbus device-mapper dhcp-client diffutils dmidecode dnf dosfstools dracut e2fsprogs ec2-utils efivar elfutils
ethtool file filesystem findutils fonts fuse gawk gdbm gettext glib2 gmp gnupg2 gpgme grep groff grub2 gzip
hostname hwdata inih initscripts iproute iptables irqbalance jansson jq json-c kbd keyutils kmod kpatch libacl
libassuan libcap libcbor libcomps libcurl libdb libdnf libeconf libedit libev libevent libfdisk libffi libfido2
libgcrypt libgpg-error libidn2 libkcapi libmnl libmodulemd libnetfilter libnfsidmap libnghttp2 libpath libpcap
libpipeline libpsl libpwquality libref libsemanage libsepol libsolv libstdc++ libtasn1 libtextstyle libunistring
libutempter libuuid libverto libyaml libzstd lmdb logrotate lsof lua lz4 man-db microcode_ctl mpfr nano ncurses
net-tools nettle newt nfs-utils npth nspr nss numactl openldap os-prober p11-kit parted passwd pciutils pcre2
perl pinentry pkgconf policycoreutils popt procps-ng psmisc publicsuffix quota readline rng-tools rootfiles
rpcbind rpm ruby sed selinux-policy setup shadow-utils slang strace sysstat tar tcpdump tcsh traceroute tzdata
unzip update-motd usermode userspace-rcu util-linux wget which words xfsprogs xxhash yum zip zlib zram
"""
_STEMS = _WORDS.split()
_PARTS = ("", "-libs", "-common", "-devel", "-filesystem", "-tools", "-plugins", "-doc", "-data", "-utils")
_KERNELS = ("6.1.141-155.222", "6.1.147-172.266", "6.1.153-175.280")
_SEVERITIES = ("Critical", "Important", "Important", "Medium", "Medium", "Medium", "Low")


def catalogue(platform: Platform, count: int, rng: Random) -> list[Package]:
    """Returns `count` packages, the kernel in several versions under one id."""
    kernels = [_package("kernel", "", version, platform, "Security", "Important") for version in _KERNELS]
    names = [f"{stem}{part}" for part in _PARTS for stem in _STEMS]
    names = names[: max(count, 0)] if count < len(_STEMS) else _shuffled_tail(names, count, rng)
    named = [_generic(name, platform, rng) for name in names]
    named += [_generic(f"python3-module{n}", platform, rng) for n in range(count - len(named))]
    return (kernels + named)[:count] if count > len(_KERNELS) else named[:count]


def _shuffled_tail(names: list[str], count: int, rng: Random) -> list[str]:
    tail = names[len(_STEMS) :]
    rng.shuffle(tail)
    return (names[: len(_STEMS)] + tail)[:count]


def updates(platform: Platform) -> list[Package]:
    """Returns the updates that may be missing; each fixes a known vulnerability."""
    rng = Random(platform.key)
    return [
        _package(name, "", _version(rng), platform, "Security", severity, cve_ids)
        for name, severity, cve_ids in advisories.RPM
    ]


def _generic(name: str, platform: Platform, rng: Random) -> Package:
    classification = rng.choice(("Security", "Bugfix", "Enhancement", "Recommended"))
    severity = rng.choice(_SEVERITIES) if classification == "Security" else ""
    return _package(name, rng.choice(("", "", "", "1:", "2:")), _version(rng), platform, classification, severity)


def _package(
    name: str,
    epoch: str,
    version: str,
    platform: Platform,
    classification: str,
    severity: str,
    cve_ids: tuple[str, ...] = (),
) -> Package:
    arch = "noarch" if name.startswith("python3-") or name.endswith(("-doc", "-data", "-filesystem")) else "x86_64"
    title = f"{name}.{arch}:{epoch or '0:'}{version}.{platform.release}"
    return Package(f"{name}.{arch}", title, classification, severity, cve_ids)


def _version(rng: Random) -> str:
    return f"{rng.randint(0, 9)}.{rng.randint(0, 40)}.{rng.randint(0, 12)}-{rng.randint(1, 60)}"
