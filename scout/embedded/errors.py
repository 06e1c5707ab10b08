"""What a resource could not be made into, told for people."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from scout.embedded.resources import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME_TAKEN: Final = "NameTaken"
PROTECTED: Final = "Protected"
INVALID_INPUT: Final = "InvalidInput"
UNKNOWN_TYPE: Final = "UnknownType"

_ELSEWHERE: Final = (
    "Another project or stack holds that name, or the state file of this stack was lost: delete it there, "
    "or choose another project or stack name."
)
_HINTS: Final = {
    NAME_TAKEN: f"{_ELSEWHERE} If only its name in the program changed, give the resource an alias.",
    PROTECTED: "Deploy it once without `protect`, then delete or replace it.",
    UNKNOWN_TYPE: "Write a handler for it in scout/embedded/resources/.",
    "BucketAlreadyExists": _ELSEWHERE,
    "BucketAlreadyOwnedByYou": _ELSEWHERE,
    "BucketNotEmpty": "Empty the bucket, or deploy it once with `forceDestroy`, then delete or replace it.",
    "ConnectTimeoutError": "The embedded AWS does not answer; see its log.",
    "EndpointConnectionError": "The embedded AWS does not run; `scout up` starts it.",
    "ReadTimeoutError": "The embedded AWS does not answer; see its log.",
}


class NamedResource(Protocol):
    """What an error says of a resource."""

    @property
    def urn(self) -> str:
        """Its name within all stacks."""

    @property
    def type(self) -> str:
        """Its type token."""

    @property
    def name(self) -> str:
        """Its name in the program."""


class ResourceError(Exception):
    """A resource could not be created, changed, read or deleted.

    Args:
        resource: The resource.
        action: What was tried, as in `create`.
        code: The API's code, or one of this module.
        message: The API's words.
    """

    def __init__(self, resource: NamedResource, action: str, code: str, message: str) -> None:
        self.urn = resource.urn
        self.type = resource.type
        self.name = resource.name
        self.action = action
        self.code = code
        self.hint = _HINTS.get(code, "")
        text = f"{resource.type} '{resource.name}': {action} failed with {code}: {message}"
        super().__init__("\n".join(part for part in (text, self.hint, f"URN: {resource.urn}") if part))


def name_taken(holder: str) -> Refused:
    """Return the refusal of a name that something else in the account has.

    Args:
        holder: The id of what has it.
    """
    return Refused(NAME_TAKEN, f"{holder} exists, and is not of this stack.")


@contextlib.contextmanager
def naming(resource: NamedResource, action: str) -> Iterator[None]:
    """Turn an error of the API into one that names the resource.

    Args:
        resource: What the calls inside are for.
        action: What they try, as in `create`.

    Raises:
        ResourceError: A call inside failed.
    """
    try:
        yield
    except ClientError as error:
        detail = error.response["Error"]
        raise ResourceError(resource, action, detail["Code"], detail.get("Message", "")) from error
    except Refused as error:
        raise ResourceError(resource, action, error.code, error.message) from error
    except BotoCoreError as error:
        raise ResourceError(resource, action, type(error).__name__, str(error)) from error
