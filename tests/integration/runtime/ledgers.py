"""A ledger's table in an account, and clients to it whose replies get lost."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import StateMode
from lambdas.runtime.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.integration.account import Account

TABLE = "ledger"
WORKERS = 40
# Each example of a property is a run of its own, so that all of them may share a table.
RUN_IDS = (f"run-{number}" for number in itertools.count())
ON_EMULATOR = hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
MODES = {"TileSweep": StateMode.MOCK, "Rank": StateMode.MOCK}
_EXAMPLES = Path(__file__).parents[3] / "examples"


def make_table(client: DynamoDBClient) -> None:
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "run", "AttributeType": "S"},
            {"AttributeName": "item", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "run", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
    )


def job(name: str = "edinburgh", **changes: Any) -> RunInput:
    """A golden input with some fields replaced."""
    document = json.loads((_EXAMPLES / f"input.{name}.json").read_text(encoding="utf-8"))
    return RunInput.parse(merged(document, changes))


def merged(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(document)
    for name, value in changes.items():
        nested = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if nested else value
    return result


def opened(
    client: DynamoDBClient,
    run_id: str = "run-1",
    *,
    of: RunInput | None = None,
    defaults: RunDefaults | None = None,
    clock: Callable[[], float] | None = None,
) -> Ledger:
    """The ledger of a run that was just opened; its job id is the run's id, so that no two are the same job."""
    ledger = Ledger(TABLE, run_id, client, **({"clock": clock} if clock else {}))
    run_input = (of or job()).model_copy(update={"job_id": run_id})
    # Without a word on the split, the whole budget is for secondaries, for whom tests spend by default.
    settings = defaults or RunDefaults(split_ratio=0)
    ledger.open_run(run_input, modes=MODES, settings=settings, versions={"program": "1"})
    return ledger


class Lossy:
    """A DynamoDB client that now and then does a write and then loses the reply, as a broken connection does.

    botocore would send the write again, which `retries` of a real client hides from its caller. Here every write is
    also sent again in full, and only the last reply is handed on: what the caller sees is the reply to the duplicate.
    """

    def __init__(self, client: DynamoDBClient, seed: int, share: float = 0.3) -> None:
        self._client = client
        self._random = random.Random(seed)  # noqa: S311
        self._lock = threading.Lock()
        self._share = share
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def update_item(self, **arguments: Any) -> Any:
        if self._loses():
            with contextlib.suppress(self._client.exceptions.ConditionalCheckFailedException):
                self._client.update_item(**arguments)
        return self._client.update_item(**arguments)

    def transact_write_items(self, **arguments: Any) -> Any:
        if self._loses():
            with contextlib.suppress(self._client.exceptions.TransactionCanceledException):
                self._client.transact_write_items(**arguments)
        return self._client.transact_write_items(**arguments)

    def _loses(self) -> bool:
        with self._lock:
            lost = self._random.random() < self._share
            self.lost += lost
            return lost


def unreachable(account: Account) -> DynamoDBClient:
    """A client whose every call finds nobody at the other end."""
    return account.session.client(
        "dynamodb", endpoint_url="http://127.0.0.1:1", config=Config(retries={"total_max_attempts": 1})
    )
