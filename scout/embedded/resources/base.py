"""What all resource handlers share: the protocol, the context of a call, and the small conversions.

A handler speaks the shapes of `pulumi_aws` 7 on one side (camelCase, JSON values, an archive as `{path, sha256}`) and
boto3 on the other. It knows nothing of who calls it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

JsonObject = dict[str, Any]

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the Pulumi protocol writes a value that is known only after the deployment."""

_NOT_FOUND: Final = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
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


class AwsContext(Protocol):
    """Where a handler works: an account, a region, and the clients of its services."""

    @property
    def account(self) -> str:
        """The account's twelve digits."""

    @property
    def region(self) -> str:
        """The region, as in `us-east-1`."""

    @property
    def partition(self) -> str:
        """The first part of every ARN: `aws`, `aws-cn`, `aws-us-gov`."""

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return the boto3 client of a service, the same one each time."""


class Handler(ABC):
    """One resource type: how it is made, read, changed and deleted.

    Subclasses fill in the attributes and the methods with a leading underscore; callers use the others. Outputs are
    the inputs as given, and what the API says beside them.

    Attributes:
        resource_type: The type's token in Pulumi, as in `aws:sqs/queue:Queue`.
        arguments: The inputs that the handler works on. Any other is refused, so that none is dropped unseen.
        required: The inputs without which the API refuses.
        replace_on: The inputs that cannot change on a living resource.
        owns_name: The inputs name the resource, and the account holds that name only once.
        coexists: A replacement can be made while its predecessor still stands.
        assigned: The outputs that only the API can know when the resource is made.
        volatile: The outputs that the API may change at an update.
    """

    resource_type: str
    arguments: frozenset[str]
    required: frozenset[str]
    replace_on: frozenset[str]
    owns_name: bool = True
    coexists: bool = False
    assigned: frozenset[str] = frozenset()
    volatile: frozenset[str] = frozenset()

    def check(self, inputs: JsonObject) -> list[str]:
        """Return what is wrong with the inputs, as far as it shows before any call.

        Args:
            inputs: The inputs of one resource; `UNKNOWN` stands for what is not known yet.

        Returns:
            One sentence for each problem; nothing if there is none.
        """
        missing = sorted(self.required - inputs.keys())
        unsupported = sorted(inputs.keys() - self.arguments)
        problems = [f"the argument `{name}` is missing" for name in missing]
        problems += [f"the argument `{name}` has no support on the embedded AWS" for name in unsupported]
        return problems + self._problems(inputs)

    def expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        """Return the id and the outputs as AWS would make them, with no call to it.

        What AWS assigns itself (`assigned`) has the form that it would have, and an invented value.
        """
        identifier, outputs = self._expected(inputs, ctx)
        return identifier, {**inputs, **outputs}

    def find(self, inputs: JsonObject, ctx: AwsContext) -> str | None:
        """Return the id of what already holds the name that the inputs ask for, or None if the name is free."""
        return self._find(inputs, ctx) if self.owns_name else None

    def create(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        """Make the resource.

        Returns:
            Its id and its outputs.

        Raises:
            botocore.exceptions.ClientError: The API refused.
            Refused: The same, told in an answer with no error status.
        """
        identifier = self._create(inputs, ctx)
        return identifier, {**inputs, **self._attributes(identifier, inputs, ctx)}

    def read(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject | None:
        """Return the outputs of the resource as it stands, or None if it is not there."""
        try:
            return {**inputs, **self._attributes(identifier, inputs, ctx)}
        except ClientError as error:
            if is_not_found(error):
                return None
            raise
        except Absent:
            return None

    def update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> JsonObject:
        """Change the resource so that it is as `new` asks.

        Args:
            identifier: The id from `create`.
            old: The inputs that it has now.
            new: The inputs that it is to have; equal to `old` in all of `replace_on`.

        Returns:
            Its outputs.
        """
        self._update(identifier, old, new, ctx)
        return {**new, **self._attributes(identifier, new, ctx)}

    def delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        """Delete the resource; one that is gone already is as good."""
        try:
            self._delete(identifier, inputs, ctx)
        except ClientError as error:
            if not is_not_found(error):
                raise

    def _problems(self, inputs: JsonObject) -> list[str]:
        """Return what `arguments` and `required` cannot say; see `check`."""
        return []

    def _find(self, inputs: JsonObject, ctx: AwsContext) -> str | None:
        identifier, _ = self.expected(inputs, ctx)
        return identifier if self.read(identifier, inputs, ctx) is not None else None

    @abstractmethod
    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        """Return the id, and the outputs beside the inputs."""

    @abstractmethod
    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str: ...

    @abstractmethod
    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        """Return the outputs beside the inputs; raise `Absent` or the API's own error if the resource is not there."""

    @abstractmethod
    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None: ...

    @abstractmethod
    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None: ...


class Absent(Exception):
    """The resource is not there, where the API tells it by an empty answer."""


def is_not_found(error: ClientError) -> bool:
    """Return whether the API says that the resource is not there."""
    return error.response["Error"]["Code"] in _NOT_FOUND


def pascal(value: Any, renames: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value with every key of every object as the APIs write it: `batchSize` becomes `BatchSize`.

    Args:
        value: A structure whose keys are all names of the API, never names that a user chose.
        renames: The keys that follow no rule.
    """
    renames = renames or {}
    if isinstance(value, dict):
        return {renames.get(key, key[:1].upper() + key[1:]): pascal(item, renames) for key, item in value.items()}
    if isinstance(value, list):
        return [pascal(item, renames) for item in value]
    return value


def picked(inputs: JsonObject, names: Mapping[str, str]) -> JsonObject:
    """Return the inputs that are set, under the names that the API has for them.

    Args:
        inputs: The resource's inputs.
        names: The API's name for each input.
    """
    return {names[key]: value for key, value in inputs.items() if key in names}


def changed(old: JsonObject, new: JsonObject, keys: Iterable[str]) -> bool:
    """Return whether one of the inputs differs."""
    return any(old.get(key) != new.get(key) for key in keys)


def tag_list(inputs: JsonObject, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return the tags as a list of pairs, with the names that the service gives the two."""
    return [{key: name, value: text} for name, text in inputs.get("tags", {}).items()]


def tag_changes(old: JsonObject, new: JsonObject) -> tuple[dict[str, str], list[str]]:
    """Return the tags to set and the keys of those to remove."""
    before, after = old.get("tags", {}), new.get("tags", {})
    return {key: text for key, text in after.items() if before.get(key) != text}, sorted(before.keys() - after.keys())


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
