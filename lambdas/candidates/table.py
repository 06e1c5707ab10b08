"""The candidates' table, which holds candidates and the claims to notify of them; written by conditional puts alone.

Its key is ``pk`` and ``sk``, and it forgets an item after ``expires_at`` (seconds since 1970). DynamoDB does so within
some days, so that every condition looks at the time itself as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from lambdas.candidates.failures import named_failures
from lambdas.runtime.documents import Json
from lambdas.runtime.errors import InvalidInput

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item: TypeAlias = dict[str, Any]

_PLACEHOLDER = re.compile(r"#(\w+)")
_SERIALIZER = TypeSerializer()
_DESERIALIZER = TypeDeserializer()


class ConditionFailed(Exception):
    """The condition of a put does not hold, and nothing was written.

    Attributes:
        standing: The item that stands; its numbers are ``Decimal``.
    """

    def __init__(self, standing: Item) -> None:
        super().__init__("the condition does not hold")
        self.standing = standing


class Table:
    """The table.

    Args:
        name: Its name.
        client: A DynamoDB client.
    """

    def __init__(self, name: str, client: DynamoDBClient) -> None:
        self._name = name
        self._client = client

    def put(self, item: Mapping[str, Json], condition: str, **values: Json) -> None:
        """Write an item if a condition holds.

        Args:
            item: The item; numbers may be ``int`` and ``float``.
            condition: The condition expression. ``#name`` stands for the attribute ``name`` of the standing item.
            **values: What ``:name`` stands for in it.

        Raises:
            ConditionFailed: It does not hold. A put inside the SDK's retries that was done, but whose reply was lost,
                ends here too: the standing item is then this one.
            InvalidInput: DynamoDB cannot hold the item.
            Throttled: As ``named_failures``, and so are the others.
        """
        with named_failures(f"The table {self._name}"):
            try:
                self._client.put_item(
                    TableName=self._name,
                    Item=_typed(item),
                    ConditionExpression=condition,
                    ExpressionAttributeNames={f"#{name}": name for name in _PLACEHOLDER.findall(condition)},
                    ExpressionAttributeValues=_typed({f":{name}": value for name, value in values.items()}),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                answer: Mapping[str, Any] = error.response
                raise ConditionFailed(_plain(answer.get("Item", {}))) from error


def _typed(values: Mapping[str, Json]) -> dict[str, Any]:
    try:
        return {name: _SERIALIZER.serialize(_decimals(value)) for name, value in values.items()}
    except ArithmeticError as error:
        # Of decimals: a number with more than 38 digits, or beyond 1E+125.
        raise InvalidInput("A number is larger or more precise than DynamoDB can hold.") from error


def _plain(item: Mapping[str, Any]) -> Item:
    return {name: _DESERIALIZER.deserialize(value) for name, value in item.items()}


def _decimals(value: Json) -> Json:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {name: _decimals(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_decimals(part) for part in value]
    return value
