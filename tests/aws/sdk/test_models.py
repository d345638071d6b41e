"""The models of the services: what the SDK has for the operations in use, and nothing else."""

from __future__ import annotations

import gzip

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import create_loader
from botocore.model import ServiceModel, Shape

from scanner.aws.operations import OPERATIONS
from scanner.aws.sdk.models import ModelFiles, model_loader
from scanner.aws.sdk.session import Sessions
from scanner.core.errors import ConfigError
from scanner.core.foreign_bytes import ForeignBytesError
from scanner.core.settings import LimitSettings

pytestmark = pytest.mark.slow

REDUCED = sorted({operation.service for operation in OPERATIONS} - {"sts", "tag"})


def load(loader, service):
    return loader.load_service_model(service, "service-2", api_version=None)


def walk(shape: Shape | None, seen: set[str]) -> None:
    """Resolves every shape below this one, which raises an error where one is missing."""
    if shape is None or shape.name in seen:
        return
    seen.add(shape.name)
    for member in getattr(shape, "members", {}).values():
        walk(member, seen)
    for name in ("member", "key", "value"):
        walk(getattr(shape, name, None), seen)


@pytest.mark.parametrize("service", REDUCED)
def test_a_reduced_model_says_the_same_of_its_operations_as_the_sdk(service):
    whole, reduced = load(create_loader(), service), load(model_loader(None), service)

    assert reduced["operations"].keys() == {each.name for each in OPERATIONS if each.service == service}
    for part in ("operations", "shapes"):
        assert reduced[part] == {name: whole[part][name] for name in reduced[part]}
    rest = whole.keys() - {"operations", "shapes"}
    assert {name: reduced[name] for name in rest} == {name: whole[name] for name in rest}


@pytest.mark.parametrize("service", REDUCED)
def test_a_reduced_model_has_every_shape_that_its_operations_refer_to(service):
    model = ServiceModel(load(model_loader(None), service))
    seen: set[str] = set()

    for name in model.operation_names:
        operation = model.operation_model(name)
        for shape in (operation.input_shape, operation.output_shape, *operation.error_shapes):
            walk(shape, seen)

    assert seen == set(model.shape_names)


@pytest.mark.parametrize("service", ["sts", "resourcegroupstaggingapi", "events", "sns"])
def test_the_model_of_a_service_that_is_not_reduced_is_whole(service):
    assert load(model_loader(None), service) == load(create_loader(), service)


def test_the_endpoints_of_every_service_are_those_of_the_sdk():
    ours, theirs = (loader.load_data("endpoints") for loader in (model_loader(None), create_loader()))

    assert [{**each, "services": dict(each["services"])} for each in ours["partitions"]] == theirs["partitions"]
    assert {**ours, "partitions": None} == {**theirs, "partitions": None}
    assert "no-service" not in ours["partitions"][0]["services"]


@pytest.mark.parametrize("content", [b"[]", b'{"partitions":{}}', b'{"partitions":[{}]}', b'{"partitions":['])
def test_endpoints_that_are_none_are_a_value_error_that_names_the_file(tmp_path, content):
    (tmp_path / "endpoints.json").write_bytes(content)

    with pytest.raises(ForeignBytesError, match=r"endpoints\.json cannot be used: "):
        ModelFiles().load_file(str(tmp_path / "endpoints"))


def test_a_model_of_the_user_goes_before_that_of_the_sdk(tmp_path):
    folder = tmp_path / "account" / "2099-01-01"
    folder.mkdir(parents=True)
    model = b'{"metadata":{"uid":"own"},"operations":{"ListRegions":{"input":{"shape":"A"}},"B":{}},"shapes":{"A":{}}}'
    (folder / "service-2.json.gz").write_bytes(gzip.compress(model))

    assert load(model_loader(str(tmp_path)), "account") == {
        "metadata": {"uid": "own"},
        "operations": {"ListRegions": {"input": {"shape": "A"}}},
        "shapes": {"A": {}},
    }


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".json", b""),
        (".json", b"[]"),
        (".json", b'{"operations":'),
        (".json", b'{"shapes":{}}'),
        (".json", b'{"operations":{"ListRegions":{"input":{"shape":"A"}}},"shapes":{}}'),
        (".json.gz", b"{}"),
        (".json.gz", gzip.compress(bytes(1_000))[:-9]),
    ],
    ids=["empty", "a list", "torn", "no operations", "a shape missing", "not packed", "a torn package"],
)
def test_a_file_that_is_no_model_is_a_value_error_that_names_it(tmp_path, suffix, content):
    path = tmp_path / "account" / "1" / "service-2"
    path.parent.mkdir(parents=True)
    path.with_suffix(suffix).write_bytes(content)

    with pytest.raises(ForeignBytesError, match=f"{path}{suffix} cannot be used: "):
        ModelFiles().load_file(str(path))


async def test_a_model_of_the_user_without_an_operation_in_use_ends_in_a_sentence(tmp_path, monkeypatch):
    path = tmp_path / "account" / "2099-01-01" / "service-2.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"metadata":{},"operations":{"GetAccountInformation":{}},"shapes":{}}')
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))

    with pytest.raises(ConfigError, match=f"{path} cannot be used: it has no operation ListRegions; check the AWS_"):
        async with Sessions(LimitSettings()).account("eu-west-1"):
            pytest.fail("no client can be made")


def test_a_missing_file_is_none():
    assert ModelFiles().load_file("/nowhere") is None


def test_every_service_that_the_sdk_lists_is_listed():
    assert set(create_loader().list_available_services("service-2")) <= set(
        model_loader(None).list_available_services("service-2")
    )


def test_a_service_that_does_not_exist_is_unknown():
    with pytest.raises(UnknownServiceError):
        load(model_loader(None), "no-such-service")
