"""The AWS CLI in an environment of its own: it pins another botocore than patchsweep does."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

REQUIREMENT = "awscli>=1.42,<2"


def aws_command(folder: Path) -> Path:
    """The command `aws`, installed into the folder by whoever comes first."""
    aws, ready = folder / "venv" / "bin" / "aws", folder / "ready"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "venv"], check=True)
            pip = [folder / "venv" / "bin" / "pip", "--disable-pip-version-check", "--quiet"]
            subprocess.run([*pip, "install", REQUIREMENT], check=True)
            ready.touch()
    return aws
