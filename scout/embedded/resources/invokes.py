"""The functions of the provider: questions that a program asks while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scout.embedded.resources.base import AwsContext, JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _caller_identity(_: JsonObject, ctx: AwsContext) -> JsonObject:
    arn = f"arn:{ctx.partition}:iam::{ctx.account}:root"
    return {"accountId": ctx.account, "id": ctx.account, "userId": ctx.account, "arn": arn}


def _region(_: JsonObject, ctx: AwsContext) -> JsonObject:
    return {"id": ctx.region, "name": ctx.region, "region": ctx.region, "description": ctx.region}


def _partition(_: JsonObject, ctx: AwsContext) -> JsonObject:
    return {"id": ctx.partition, "partition": ctx.partition, "dnsSuffix": "amazonaws.com"}


_ANSWERS: Final[Mapping[str, Callable[[JsonObject, AwsContext], JsonObject]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
}


class UnknownFunctionError(Exception):
    """A program asks what has no answer here."""


def invoke(token: str, arguments: JsonObject, ctx: AwsContext) -> JsonObject:
    """Answer a function of the provider. The embedded AWS knows one caller: the root of the account.

    Args:
        token: The function's token, as in `aws:index/getRegion:getRegion`.
        arguments: What the program gave it.
        ctx: Where it is asked.

    Raises:
        UnknownFunctionError: There is no answer to it.
    """
    if token not in _ANSWERS:
        known = ", ".join(sorted(_ANSWERS))
        raise UnknownFunctionError(f"the function {token} has no support on the embedded AWS; these have: {known}")
    return _ANSWERS[token](arguments, ctx)
