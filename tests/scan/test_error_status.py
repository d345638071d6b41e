"""One status for each error."""

from __future__ import annotations

import pytest

from scanner.core.errors import Denied, Disabled, NodeGone, PaginationBroken, Unavailable
from scanner.core.model import NodeStatus, TargetStatus
from scanner.scan.error_status import node_status_of, target_status_of


@pytest.mark.parametrize(
    ("error", "node", "target"),
    [
        (NodeGone("x"), NodeStatus.GONE, TargetStatus.FAILED),
        (Denied("x"), NodeStatus.DENIED, TargetStatus.DENIED),
        (Disabled("x"), NodeStatus.DENIED, TargetStatus.DISABLED),
        (Unavailable("x"), NodeStatus.FAILED, TargetStatus.FAILED),
        (PaginationBroken("x"), NodeStatus.FAILED, TargetStatus.FAILED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_has_its_status(error, node, target):
    assert (node_status_of(error), target_status_of(error)) == (node, target)
