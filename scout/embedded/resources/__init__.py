"""One handler for each resource type that the program uses; see `base.Handler`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scout.embedded.resources import (
    dynamodb,
    events,
    glue,
    iam,
    kms,
    lambda_,
    logs,
    pipes,
    s3,
    s3_objects,
    sns,
    sqs,
    stepfunctions,
)
from scout.embedded.resources.base import UNKNOWN, AwsContext, Handler, JsonObject
from scout.embedded.resources.invokes import UnknownFunctionError, invoke
from scout.embedded.resources.outcomes import Incomplete, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "HANDLERS",
    "UNKNOWN",
    "AwsContext",
    "Handler",
    "Incomplete",
    "JsonObject",
    "Refused",
    "UnknownFunctionError",
    "invoke",
]

_SERVICES: Final = (
    dynamodb,
    events,
    glue,
    iam,
    kms,
    lambda_,
    logs,
    pipes,
    s3,
    s3_objects,
    sns,
    sqs,
    stepfunctions,
)

HANDLERS: Final[Mapping[str, Handler]] = {
    handler.resource_type: handler for module in _SERVICES for handler in module.HANDLERS
}
"""The handler of each resource type, by the type's token."""
