"""Items of the ledger's table: plain values in and out, conditional updates, and one name for every failure."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.documents import Json
from lambdas.runtime.errors import AccessDenied, LedgerUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UpdateTypeDef

Item: TypeAlias = dict[str, Any]
Action: TypeAlias = dict[str, Any]
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_MAX_ACTIONS = 100
_ATTEMPTS = 8
_PLACEHOLDER = re.compile(r"#(\w+)")
_SERIALIZER = TypeSerializer()
_DESERIALIZER = TypeDeserializer()


class ConditionFailed(Exception):
    """The condition of an update does not hold, and nothing was changed.

    Attributes:
        standing: The item as it stands, empty if there is none.
    """

    def __init__(self, standing: Item) -> None:
        super().__init__("the condition does not hold")
        self.standing = standing


class Items:
    """The items under one partition key of the ledger's table.

    Args:
        table: The table's name; its key is ``run`` and ``item``.
        run: The partition key.
        client: A DynamoDB client.
    """

    def __init__(self, table: str, run: str, client: DynamoDBClient) -> None:
        self._table = table
        self._run = run
        self._client = client

    def beside(self, run: str) -> Items:
        """The items under another partition key of the same table, for what runs share.

        Args:
            run: The partition key.
        """
        return Items(self._table, run, self._client)

    def read(self, item: str) -> Item | None:
        """One item as it stands now, or ``None``.

        Raises:
            LedgerUnavailable: The table could not be read.
        """
        with _named_errors():
            answer = self._client.get_item(TableName=self._table, Key=self._key(item), ConsistentRead=True)
        return _plain(answer["Item"]) if "Item" in answer else None

    def read_all(self, prefix: str, *attributes: str) -> list[Item]:
        """All items whose name begins with a prefix, as they stand now.

        Args:
            prefix: Of the items' names.
            attributes: What to read besides the name; without any, everything.

        Raises:
            LedgerUnavailable: The table could not be read.
        """
        query: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "#run = :run AND begins_with(#item, :prefix)",
            "ExpressionAttributeNames": {f"#{name}": name for name in ("run", "item", *attributes)},
            "ExpressionAttributeValues": _typed({":run": self._run, ":prefix": prefix}),
        }
        if attributes:
            query["ProjectionExpression"] = ", ".join(f"#{name}" for name in ("item", *attributes))
        with _named_errors():
            pages = self._client.get_paginator("query").paginate(**query)
            return [_plain(item) for page in pages for item in page["Items"]]

    def update(self, action: Action) -> Item:
        """Change one item in one step.

        Args:
            action: From :meth:`action`.

        Returns:
            The attributes that changed, as they are now.

        Raises:
            ConditionFailed: The condition does not hold; nothing changed. A retry inside the SDK whose first attempt
                was done, but whose reply was lost, ends here too: the standing item then bears the caller's own mark.
            LedgerUnavailable: The table could not be written.
        """
        with _named_errors():
            return _plain(self._client.update_item(**action, ReturnValues="UPDATED_NEW").get("Attributes", {}))

    def action(
        self,
        item: str,
        expression: str,
        values: Mapping[str, Any],
        *,
        condition: str = "",
        names: Mapping[str, str] | None = None,
    ) -> Action:
        """An update as data, for :meth:`update` or :meth:`transact`.

        Args:
            item: The item's name.
            expression: The update expression. ``#name`` stands for the attribute ``name``.
            values: What the placeholders ``:name`` stand for.
            condition: The condition expression, if any.
            names: The attributes that other placeholders stand for.
        """
        placeholders = dict.fromkeys(_PLACEHOLDER.findall(f"{expression} {condition}"))
        attributes = {name: name for name in placeholders} | dict(names or {})
        action: Action = {
            "TableName": self._table,
            "Key": self._key(item),
            "UpdateExpression": expression,
            "ExpressionAttributeNames": {f"#{name}": attribute for name, attribute in attributes.items()},
            "ExpressionAttributeValues": _typed({f":{name}": value for name, value in values.items()}),
        }
        if condition:
            action |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        return action

    def transact(self, actions: Sequence[Action]) -> dict[int, Item]:
        """Do many conditional updates with few calls. One whose condition does not hold keeps no other from being done.

        Args:
            actions: From :meth:`action`, each on another item.

        Returns:
            The items whose condition did not hold, as they stand, by the position of their action.

        Raises:
            LedgerUnavailable: The table could not be written.
        """
        refused: dict[int, Item] = {}
        for start in range(0, len(actions), _MAX_ACTIONS):
            left = dict(enumerate(actions[start : start + _MAX_ACTIONS], start))
            for attempt in range(_ATTEMPTS):
                found = self._transact_once(list(left.values()))
                if not found:
                    break
                standing = {index: item for index, item in zip(left, found, strict=True) if item is not None}
                refused |= standing
                left = {index: action for index, action in left.items() if index not in standing}
                if not left:
                    break
                if not standing:
                    # Another transaction holds one of the items.
                    time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter
            else:
                raise LedgerUnavailable(f"The ledger's items were contended {_ATTEMPTS} times in a row.")
        return refused

    def _transact_once(self, actions: Sequence[Action]) -> list[Item | None]:
        """Try to do all; on refusal the standing item of each action whose condition does not hold."""
        try:
            with _named_errors():
                if len(actions) == 1:  # half the price of a transaction
                    self._client.update_item(**actions[0])
                else:
                    self._client.transact_write_items(
                        TransactItems=[{"Update": cast("UpdateTypeDef", action)} for action in actions]
                    )
        except ConditionFailed as refusal:
            return [refusal.standing]
        except _Cancelled as refusal:
            return refusal.standing
        return []

    def _key(self, item: str) -> dict[str, Any]:
        return _typed({"run": self._run, "item": item})


class _Cancelled(Exception):
    """A transaction was not done: the standing items of the conditions that do not hold, ``None`` for the others."""

    def __init__(self, standing: list[Item | None]) -> None:
        super().__init__("the transaction was cancelled")
        self.standing = standing


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        answer: Mapping[str, Any] = error.response
        code = answer["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            raise ConditionFailed(_plain(answer.get("Item", {}))) from error
        reasons = answer.get("CancellationReasons", [])
        codes = {reason.get("Code", "None") for reason in reasons}
        if code == "TransactionCanceledException" and codes <= _CANCELLATIONS:
            raise _Cancelled(
                [
                    _plain(reason.get("Item", {})) if reason.get("Code") == "ConditionalCheckFailed" else None
                    for reason in reasons
                ]
            ) from error
        if code == "AccessDeniedException":
            raise AccessDenied(
                f"Access denied to the ledger. Check the permissions of the function's role: {error}"
            ) from error
        raise LedgerUnavailable(f"The ledger could not be used; nothing is spent without it: {error}") from error
    except BotoCoreError as error:
        raise LedgerUnavailable(f"The ledger could not be reached; nothing is spent without it: {error}") from error


_CANCELLATIONS = {"None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError"}


def _typed(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _SERIALIZER.serialize(_decimals(plain)) for name, plain in value.items()}


def _plain(item: Mapping[str, Any]) -> Item:
    return {name: _numbers(_DESERIALIZER.deserialize(value)) for name, value in item.items()}


def _decimals(value: Json) -> Json:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {name: _decimals(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_decimals(part) for part in value]
    return value


def _numbers(value: Json) -> Json:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    return value
