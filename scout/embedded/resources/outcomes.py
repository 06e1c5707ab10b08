"""What an API answers when it has not done what was asked, and waiting until it has."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

_NOT_FOUND: Final = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "EntityNotFoundException",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchKey",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NotFound",
        "NotFoundException",
        "OwnershipControlsNotFoundError",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "ServerSideEncryptionConfigurationNotFoundError",
        "StateMachineDoesNotExist",
    }
)


class Refused(Exception):
    """The API answered, and its answer says that it did not do what was asked.

    Args:
        code: The API's code, or the state that the resource got into.
        message: The API's words.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Incomplete(Refused):
    """A resource was made, did not become what it should be, and could not be deleted again.

    Args:
        identifier: The id of what stands.
        message: What went wrong, twice.
    """

    def __init__(self, identifier: str, message: str) -> None:
        super().__init__("Incomplete", message)
        self.identifier = identifier


class Absent(Exception):
    """The resource is not there, where the API tells it by an empty answer."""


def is_not_found(error: ClientError) -> bool:
    """Return whether the API says that the resource is not there."""
    return error.response["Error"]["Code"] in _NOT_FOUND


def await_state(
    read: Callable[[], tuple[str, str]], wanted: str, passing: frozenset[str], timeout: float = 60.0
) -> None:
    """Wait until a resource is in a state.

    Args:
        read: Asks for the state and for the reason that the API gives for it, if any.
        wanted: The state to wait for.
        passing: The states on the way there.
        timeout: Seconds.

    Raises:
        Refused: It got into another state, or the time ran out.
    """
    deadline = time.monotonic() + timeout
    state, reason = read()
    while state != wanted:
        if state not in passing or time.monotonic() > deadline:
            raise Refused(state, reason or f"expected to become {wanted}")
        time.sleep(0.1)
        state, reason = read()
