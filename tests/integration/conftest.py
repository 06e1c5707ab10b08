"""What tests against the embedded AWS share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.account import Account

if TYPE_CHECKING:
    from scout.embedded.emulator.instance import Emulator

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.integration)


@pytest.fixture
def account(emulator: Emulator, account_id: str) -> Account:
    """An empty AWS account, with shortcuts to put things into it."""
    return Account(emulator, account_id)
