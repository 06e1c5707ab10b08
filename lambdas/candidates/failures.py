"""Failures of DynamoDB and SNS by the names that Retry knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.errors import AccessDenied, InputNotFound, InvalidInput, ServiceUnavailable, Throttled

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors
_THROTTLED = frozenset(
    {
        "KMSThrottling",
        "KMSThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "KMSAccessDenied"})
_ABSENT = frozenset({"NotFound", "ResourceNotFoundException"})
_INVALID = frozenset(
    {
        "InvalidParameter",
        "InvalidParameterValue",
        "ItemCollectionSizeLimitExceededException",
        "ParameterValueInvalid",
        "ValidationException",
    }
)
_SERVER_ERROR = 500


@contextmanager
def named_failures(what: str) -> Iterator[None]:
    """Give the failures of calls inside their names; one that has no name here is raised as it is.

    Args:
        what: The table or topic, for messages.

    Raises:
        Throttled: After botocore's own retries the service still asks to wait.
        ServiceUnavailable: It failed inside or could not be reached.
        AccessDenied: The role lacks a permission.
        InputNotFound: There is no such table or topic.
        InvalidInput: It does not take what it was given, such as an item above 400 KB.
    """
    try:
        yield
    except ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        if code in _THROTTLED:
            raise Throttled(f"{what} is throttled: {error}") from error
        if code in _DENIED:
            raise AccessDenied(
                f"Access denied to {what}. Check the permissions of the function's role: {error}"
            ) from error
        if code in _ABSENT:
            raise InputNotFound(f"{what} does not exist: {error}") from error
        if code in _INVALID:
            raise InvalidInput(f"{what} does not take this: {error}") from error
        if status >= _SERVER_ERROR:
            raise ServiceUnavailable(f"{what} failed: {error}") from error
        raise
    except BotoCoreError as error:
        raise ServiceUnavailable(f"{what} could not be reached: {error}") from error
