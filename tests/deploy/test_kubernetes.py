"""The Kubernetes manifest fits the API's schema and the container."""

from __future__ import annotations

import copy

import kubernetes_validate
import pytest
import yaml

from tests.deploy.templates import DEPLOY

CRON_JOB = yaml.safe_load((DEPLOY / "kubernetes" / "cronjob.yaml").read_text())
POD = CRON_JOB["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def validate(manifest: dict) -> None:
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_the_manifest_fits_the_schema():
    validate(CRON_JOB)


def test_the_schema_would_refuse_a_misspelt_key():
    broken = copy.deepcopy(CRON_JOB)
    broken["spec"]["concurencyPolicy"] = broken["spec"].pop("concurrencyPolicy")
    with pytest.raises(kubernetes_validate.ValidationError, match="concurencyPolicy"):
        validate(broken)


def test_no_service_of_the_namespace_becomes_a_setting():
    assert POD["enableServiceLinks"] is False


def test_the_pod_runs_as_the_user_of_the_image_and_writes_to_its_volume_only():
    [container] = POD["containers"]
    dockerfile = (DEPLOY / "container" / "Dockerfile").read_text()
    user = POD["securityContext"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}\n" in dockerfile
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert f'VOLUME ["{writable[0]}"]' in dockerfile
    assert len(writable) == 1
