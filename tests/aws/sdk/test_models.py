"""The models of the services: what the SDK has for the operations in use, and nothing else."""

from __future__ import annotations

import gzip

import pytest
from botocore.loaders import create_loader
from botocore.model import ServiceModel, Shape

from scanner.aws.operations import OPERATIONS
from scanner.aws.sdk.models import ModelFiles, model_loader
from scanner.core.foreign_bytes import ForeignBytesError

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


@pytest.mark.parametrize("service", ["sts", "resourcegroupstaggingapi"])
def test_a_service_that_other_parts_of_the_sdk_may_call_keeps_its_whole_model(service):
    assert load(model_loader(None), service) == load(create_loader(), service)


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
    "content",
    [
        b"",
        b"[]",
        b'{"operations":',
        b'{"shapes":{}}',
        b'{"operations":{"ListRegions":{"input":{"shape":"A"}}},"shapes":{}}',
    ],
    ids=["empty", "a list", "torn", "no operations", "a shape missing"],
)
def test_a_file_that_is_no_model_is_a_value_error_as_with_the_sdk(tmp_path, content):
    path = tmp_path / "account" / "1" / "service-2"
    path.parent.mkdir(parents=True)
    path.with_suffix(".json").write_bytes(content)

    with pytest.raises(ForeignBytesError):
        ModelFiles().load_file(str(path))


def test_a_missing_file_is_none():
    assert ModelFiles().load_file("/nowhere") is None
