"""What conformance tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.conformance.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.account import Account


@pytest.fixture
def jobs(account: Account) -> Iterator[Jobs]:
    """Jobs of Glue; what still runs after the test is stopped."""
    made = Jobs(account)
    yield made
    made.stop_all()
