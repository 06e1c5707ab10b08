"""A stack of queues, bucket and ledger, in an account for each test."""

from __future__ import annotations

import pytest

from tests.integration.account import Account
from tests.integration.queues.letters import Stack


@pytest.fixture
def stack(account: Account) -> Stack:
    """The stack of ``letters.py``."""
    return Stack.made(account)
