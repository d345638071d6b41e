"""Clients of AWS that others make, each in an environment of its own: they pin a botocore other than patchsweep's."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

AWS_CLI = ("awscli>=1.42,<2",)
CUSTODIAN = ("c7n==0.9.53",)
#: Its module for SSM needs only these of its dependencies; all of them together take 2 GB.
CARTOGRAPHY = (
    "--no-deps",
    "aioboto3==15.5.0", "aiobotocore==2.25.1", "aiohappyeyeballs==2.7.1", "aiohttp==3.14.5", "aioitertools==0.13.0",
    "aiosignal==1.4.0", "anyio==4.16.0", "attrs==26.1.0", "backoff==2.2.1", "boto3==1.40.61", "botocore==1.40.61",
    "cartography==0.143.0", "certifi==2026.10.19.post1", "cffi==2.1.1", "click==8.5.1", "cryptography==50.0.2",
    "dnspython==2.9.2", "frozenlist==1.8.0", "h11==0.16.0", "h2==4.4.1", "hpack==4.2.0", "httpcore==1.0.9",
    "httpcore2==2.16.2", "httpx==0.28.1", "httpx2==2.16.2", "hyperframe==6.1.0", "idna==3.20", "jmespath==1.1.0",
    "markdown-it-py==4.3.0", "mdurl==0.1.2", "multidict==6.9.1", "neo4j==6.4.1", "policyuniverse==1.5.1.20231109",
    "propcache==0.5.4", "pycparser==3.12", "Pygments==2.21.0", "pyOpenSSL==26.4.0", "python-dateutil==2.9.0.post0",
    "pytz==2026.6", "PyYAML==6.0.4", "rich==15.0.0", "s3transfer==0.14.0", "six==1.17.0", "sniffio==1.3.1",
    "statsd==4.0.1", "truststore==0.10.5", "types-aiobotocore-ecr==3.10.0", "typing_extensions==4.16.0",
    "urllib3==2.8.0", "wrapt==1.17.3", "yarl==1.25.1",
)  # fmt: skip
#: What its checks of AWS import; the SDKs of other clouds among its dependencies take 2 GB more. Later versions import
#: some of those to start.
PROWLER = (
    "--no-deps",
    "about-time==4.2.1", "alive-progress==3.3.0", "annotated-types==0.8.0", "attrs==26.1.0", "boto3==1.39.15",
    "botocore==1.39.17", "certifi==2026.10.19.post1", "cffi==2.1.1", "charset-normalizer==3.5.3", "colorama==0.4.6",
    "cryptography==44.0.1", "detect-secrets==1.5.0", "dnspython==2.9.2", "durationpy==0.11", "email-validator==2.2.0",
    "google-auth==2.63.0", "graphemeu==0.7.2", "idna==3.20", "jmespath==1.1.0", "jsonschema==4.26.0",
    "jsonschema-specifications==2025.9.1", "kubernetes==32.0.1", "markdown==3.11.3", "oauthlib==4.0.1",
    "packaging==26.4", "prowler==5.14.0", "py-ocsf-models==0.5.0", "pycparser==3.12", "pydantic==2.14.4",
    "pydantic-core==2.50.5", "python-dateutil==2.9.0.post0", "pytz==2025.1", "PyYAML==6.0.4", "referencing==0.37.0",
    "requests==2.34.2", "requests-oauthlib==2.0.0", "rpds-py==2026.9.1", "s3transfer==0.13.1", "schema==0.7.8",
    "six==1.17.0", "slack-sdk==3.48.0", "tabulate==0.10.0", "typing-extensions==4.16.0", "typing-inspection==0.4.5",
    "tzlocal==5.4.5", "urllib3==2.8.0", "websocket-client==1.9.2",
)  # fmt: skip


def installed(folder: Path, requirements: Sequence[str]) -> Path:
    """The folder of the environment's commands, made by the process that comes first."""
    ready = folder / "ready"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            _install(folder / "venv", requirements)
            ready.touch()
    return folder / "venv" / "bin"


def _install(environment: Path, requirements: Sequence[str]) -> None:
    """Makes the environment with uv where it works, which takes seconds, or else with pip."""
    uv = shutil.which("uv")
    # What patchsweep's own packages are held to is not for these.
    own = {name: value for name, value in os.environ.items() if name not in ("PIP_CONSTRAINT", "UV_CONSTRAINT")}
    if uv is not None:
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", environment], check=True)
        by_uv = [uv, "pip", "install", "--quiet", "--python", environment / "bin" / "python", *requirements]
        if subprocess.run(by_uv, check=False, capture_output=True, env=own).returncode == 0:
            return
    subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
    pip = [environment / "bin" / "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", *requirements], check=True, env=own)
