"""Groups of items that keep within a bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanner.core.batches import batches


@given(st.lists(st.integers(0, 3_000)), st.integers(1, 2_500))
def test_batches_keep_every_item_once_and_pass_the_bound_only_with_a_single_one(sizes, most):
    items = list(enumerate(sizes))

    grouped = list(batches(items, lambda item: item[1], most))

    assert [item for group in grouped for item in group] == items
    assert all(len(group) == 1 or sum(size for _, size in group) <= most for group in grouped)
