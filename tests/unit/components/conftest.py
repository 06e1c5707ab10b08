"""What every test of a component keeps to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit import pulumi_support

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _every_graph_is_looked_at() -> Iterator[None]:
    """Fail a test that builds resources and then asserts nothing of them."""
    pulumi_support.GRAPHS.clear()
    yield
    unread = sum(not graph.looked_at for graph in pulumi_support.GRAPHS)
    assert not unread, f"{unread} resource graphs were built and never looked at"
