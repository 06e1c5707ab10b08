"""An account, a ledger's table, a bucket and a frontier for tests of the SDK and of the control function."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config

from lambdas.control.handler import handler
from lambdas.runtime import record
from lambdas.runtime.aws import Aws
from lambdas.runtime.context import Deadline
from tests.integration.account import Account
from tests.integration.runtime.ledgers import MODES, TABLE, make_table
from tests.integration.runtime.stages import BUCKET, Invocation, empty

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from scout.embedded.emulator.instance import Emulator


@pytest.fixture(scope="module")
def account(emulator: Emulator) -> Account:
    """One account for a module, since a table is sooner made anew than a client."""
    return Account(emulator, f"{secrets.randbelow(9 * 10**11) + 10**11}")


@pytest.fixture(scope="module")
def connection(account: Account) -> DynamoDBClient:
    return account.session.client("dynamodb", config=Config(max_pool_connections=50))


@pytest.fixture
def client(connection: DynamoDBClient) -> Iterator[DynamoDBClient]:
    """A DynamoDB client, and an empty table for ledgers."""
    make_table(connection)
    yield connection
    connection.delete_table(TableName=TABLE)
    record._CACHE.clear()


@pytest.fixture(scope="module")
def clients(account: Account) -> Iterator[Aws]:
    """Clients as a function makes them: everything comes from the environment."""
    environment = {
        "AWS_ACCESS_KEY_ID": account.id,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": account.region,
        "AWS_ENDPOINT_URL": account.emulator.endpoint_url,
        "LEDGER_TABLE": TABLE,
        "FRONTIER_QUEUE_URL": account.queue("frontier")[0],
        "STATE_MODES": json.dumps(MODES),
        "RUN_DEFAULTS": json.dumps({"poll_seconds": 3, "max_poll_seconds": 60}),
        "VERSIONS": json.dumps({"program": "1.2.3"}),
        "MAX_RECEIVE_COUNT": "5",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        aws = Aws()
        aws.s3.create_bucket(Bucket=BUCKET)
        yield aws
        aws.s3.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def aws(account: Account, clients: Aws) -> Iterator[Aws]:
    """These clients, with an empty table, bucket and queue."""
    clients.deadline = Deadline(60)
    make_table(clients.dynamodb)
    yield clients
    empty(clients)
    account.sqs.purge_queue(QueueUrl=os.environ["FRONTIER_QUEUE_URL"])


@pytest.fixture
def control(aws: Aws) -> Callable[..., dict[str, Any]]:
    """The control function, called as the state machines call it."""
    return lambda operation, **event: handler({"operation": operation, **event}, Invocation(), aws)
