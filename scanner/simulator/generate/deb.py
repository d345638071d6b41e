"""Generates packages of Ubuntu: ids `name.arch`, titles `name.arch:version`, apt priorities, no CVE ids."""

from __future__ import annotations

from random import Random

from scanner.simulator.generate import advisories
from scanner.simulator.generate.packages import Package
from scanner.simulator.generate.platforms import Platform

_WORDS = """
accountsservice adduser amazon-ec2-utils apparmor apport apt apt-utils base-files base-passwd bash
bash-completion bcache-tools bind9-dnsutils bind9-host bolt bsdextrautils bsdutils btrfs-progs busybox-initramfs
byobu ca-certificates chrony cloud-guest-utils cloud-init cloud-initramfs-copymods command-not-found
console-setup coreutils cpio cron cryptsetup dash dbus dconf-service debconf debianutils dictionaries-common
diffutils dirmngr distro-info dmeventd dmidecode dmsetup dosfstools dpkg e2fsprogs eatmydata ed efibootmgr eject
ethtool fdisk file findutils finalrd fonts-ubuntu-console friendly-recovery ftp fuse3 fwupd gawk gcc-12-base
gdisk gettext-base gir1.2-glib-2.0 git-man gnupg gpg gpg-agent grep groff-base grub-common grub-pc gzip hdparm
hibagent hostname htop ibverbs-providers info init init-system-helpers initramfs-tools install-info iproute2
iptables iputils-ping irqbalance iso-codes kbd keyboard-configuration klibc-utils kmod kpartx landscape-common
language-selector-common less libacl1 locales login logrotate logsave lsb-release lshw lsof ltrace lvm2
lxd-installer man-db manpages mawk mdadm media-types motd-news-config mount mtr-tiny multipath-tools nano
ncurses-base needrestart net-tools netbase netplan.io networkd-dispatcher ntfs-3g numactl open-iscsi
open-vm-tools os-prober packagekit parted passwd pastebinit patch pci.ids pciutils perl perl-base
pinentry-curses plymouth policykit-1 pollinate powermgmt-base procps psmisc publicsuffix python3 python3-apt
python3-boto3 python3-certifi python3-cryptography python3-distro python3-jinja2 python3-yaml readline-common
rsyslog screen sed sensible-utils sg3-utils shared-mime-info snapd software-properties-common sosreport
squashfs-tools strace systemd systemd-sysv sysvinit-utils tar tcpdump telnet tmux tnftp tpm-udev trace-cmd
tzdata ubuntu-advantage-tools ubuntu-keyring ubuntu-minimal ubuntu-server ubuntu-standard ucf udev ufw
unattended-upgrades usb-modeswitch usbutils util-linux uuid-runtime vim-common vim-runtime wget whiptail xauth
xdg-user-dirs xfsprogs xkb-data xxd xz-utils zerofree zlib1g
"""
_NAMES = _WORDS.split()
_LIBRARIES = (
    "alsa apt argon bpf cap curl dns drm edit efi elf event ext fido gcc git glib gpg ice idn inih json ldap lz mnl nl "
    "pcre perl pci sasl ssh tss usb uv xml"
)
_PRIORITIES = ("required", "important", "standard", "optional", "optional", "optional", "extra")


def catalogue(platform: Platform, count: int, rng: Random) -> list[Package]:
    """Returns `count` packages: the named ones first, then libraries and Python modules."""
    names = _NAMES[:count]
    stems = _LIBRARIES.split()
    for n in range(count - len(names)):
        stem = stems[n % len(stems)]
        suffix = n // len(stems)
        names.append(f"lib{stem}{suffix}" if n % 3 else f"python3-{stem}{suffix or ''}")
    return [_package(name, platform, "Security" if rng.random() < 0.3 else "", rng) for name in names]


def updates(platform: Platform) -> list[Package]:
    """Returns the updates that may be missing."""
    rng = Random(platform.key)
    return [_package(name, platform, "Security", rng) for name in advisories.DEB]


def _package(name: str, platform: Platform, classification: str, rng: Random) -> Package:
    arch = "all" if name.startswith("python3-") else "amd64"
    version = f"{rng.randint(1, 12)}.{rng.randint(0, 30)}-{rng.randint(1, 9)}{platform.release}.{rng.randint(1, 19)}"
    return Package(f"{name}.{arch}", f"{name}.{arch}:{version}", classification, rng.choice(_PRIORITIES))
