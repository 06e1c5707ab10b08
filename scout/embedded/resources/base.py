"""What all resource handlers share: the protocol, and the context of a call.

A handler speaks the shapes of `pulumi_aws` 7 on one side (camelCase, JSON values, a file as `{path, sha256}`) and
boto3 on the other. It knows nothing of who calls it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import ClientError

from scout.embedded.resources.differences import same_effect
from scout.embedded.resources.outcomes import Absent, Incomplete, Refused, is_not_found
from scout.embedded.resources.values import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scout.embedded.resources.values import Rule

JsonObject = dict[str, Any]

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the Pulumi protocol writes a value that is known only after the deployment."""


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
        values: What the values of inputs have to be.
        defaults: What an input is that the program leaves out, where AWS or its provider says so.
        archives: The inputs that are archives; other files are assets.
        replace_on: The inputs that cannot change on a living resource.
        computed: The inputs that AWS, or another resource, decides on where the program leaves them out.
        unreadable: The inputs that no call tells again.
        owns_name: The inputs name the resource, and the account holds that name only once.
        coexists: A replacement can be made while its predecessor still stands.
        assigned: The outputs that only the API can know when the resource is made.
        volatile: The outputs that the API may change at an update.
    """

    resource_type: str
    arguments: frozenset[str]
    required: frozenset[str]
    values: Mapping[str, Rule] = MappingProxyType({})
    defaults: Mapping[str, Any] = MappingProxyType({})
    archives: frozenset[str] = frozenset()
    replace_on: frozenset[str]
    computed: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()
    owns_name: bool = True
    coexists: bool = False
    assigned: frozenset[str] = frozenset()
    volatile: frozenset[str] = frozenset()

    def check(self, inputs: JsonObject) -> list[Problem]:
        """Return what is wrong with the inputs, as far as it shows before any call.

        Args:
            inputs: The inputs of one resource; `UNKNOWN` stands for what is not known yet.

        Returns:
            One sentence for each problem; nothing if there is none.
        """
        missing = sorted(self.required - inputs.keys())
        unsupported = sorted(inputs.keys() - self.arguments)
        problems = [Problem(name, f"the argument `{name}` is missing") for name in missing]
        problems += [Problem(name, f"the argument `{name}` has no support on the embedded AWS") for name in unsupported]
        for name, rule in self.values.items():
            expected = rule.expects(inputs[name]) if name in inputs and not unknown(inputs[name]) else ""
            if expected:
                problems.append(Problem(name, f"the argument `{name}` has to be {expected}"))
        return problems + self._problems(inputs)

    def complete(self, inputs: JsonObject) -> JsonObject:
        """Return the inputs with the defaults of those that are left out."""
        return {**self.defaults, **inputs}

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
        """Make the resource, whole or not at all.

        Returns:
            Its id and its outputs.

        Raises:
            botocore.exceptions.ClientError: The API refused.
            Refused: The same, told in an answer with no error status.
            Incomplete: The API refused the rest of it, and then its deletion.
        """
        identifier = self._create(inputs, ctx)
        try:
            self._settle(identifier, inputs, ctx)
            return identifier, {**inputs, **self._attributes(identifier, inputs, ctx)}
        except (ClientError, Refused) as error:
            try:
                self.delete(identifier, inputs, ctx)
            except (ClientError, Refused) as second:
                raise Incomplete(
                    identifier, f"{error}; {identifier} is there, and cannot be deleted: {second}"
                ) from error
            raise

    def resume(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        """Go on with a creation that was left `Incomplete`.

        Args:
            identifier: The id of what stands.
            inputs: Those that it was to be made with.
            ctx: Where the resource is.

        Returns:
            Its outputs.

        Raises:
            botocore.exceptions.ClientError: The API refused again.
            Refused: The same, told in an answer with no error status.
        """
        self._settle(identifier, inputs, ctx)
        return {**inputs, **self._attributes(identifier, inputs, ctx)}

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

    def identify(self, identifier: str) -> JsonObject:
        """Return the inputs that an id tells, for a resource of which nothing else is known.

        Raises:
            Refused: The id is none of this type.
        """
        found = self._identify(identifier)
        if not found or not all(found.values()):
            raise Refused("InvalidId", f"{identifier} is no id of {self.resource_type}")
        return found

    def observe(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject | None:
        """Return the inputs as which the resource stands, or None if it is not there.

        Args:
            identifier: The id from `create`.
            inputs: The inputs that it was made with, as far as they are known. What has the same effect as they have is
                returned as they say it; what they leave out stays out as long as it has its default.
            ctx: Where the resource is.

        Raises:
            Refused: The inputs do not tell which resource it is, and neither does the id.
        """
        known = inputs if self.required <= inputs.keys() else {**self.identify(identifier), **inputs}
        try:
            held = self._held(identifier, known, ctx)
        except ClientError as error:
            if is_not_found(error):
                return None
            raise
        except Absent:
            return None
        observed = {key: value for key, value in inputs.items() if key in self.unreadable}
        for key in sorted(self.arguments - self.unreadable - (self.computed - inputs.keys())):
            default = self.defaults.get(key)
            if same_effect(inputs.get(key, default), held.get(key, default)):
                observed |= {key: inputs[key]} if key in inputs else {}
            elif key in held:
                observed[key] = held[key]
        return observed

    def foretold(self, old: JsonObject, outputs: JsonObject, new: JsonObject) -> JsonObject:
        """Return the outputs that an update will give, without those that only the API will know.

        Args:
            old: The inputs that the resource has.
            outputs: The outputs that it has.
            new: The inputs that it is to have.
        """
        return {key: value for key, value in outputs.items() if key not in old.keys() | self.volatile} | new

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

    def _problems(self, inputs: JsonObject) -> list[Problem]:
        """Return what `arguments`, `required` and `values` cannot say; see `check`."""
        return []

    def _find(self, inputs: JsonObject, ctx: AwsContext) -> str | None:
        identifier, _ = self.expected(inputs, ctx)
        return identifier if self.read(identifier, inputs, ctx) is not None else None

    @abstractmethod
    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        """Return the id, and the outputs beside the inputs."""

    @abstractmethod
    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        """Make the resource by a single call: if that fails, there is none. Return its id."""

    def _settle(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:  # noqa: B027 - most need nothing
        """Do what is left once the API has made the resource: wait until it is ready, set what can only be set then.

        What was cut off here is begun here again, so it has to bear being done twice.
        """

    @abstractmethod
    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        """Return the outputs beside the inputs; raise `Absent` or the API's own error if the resource is not there."""

    @abstractmethod
    def _identify(self, identifier: str) -> JsonObject:
        """Return the inputs that an id tells; nothing, or empty ones, if it is none of this type."""

    @abstractmethod
    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        """Return the arguments as the API tells them; raise as `_attributes` does if the resource is not there.

        Args:
            identifier: The id.
            inputs: At least those that tell which resource it is.
            ctx: Where the resource is.
        """

    @abstractmethod
    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None: ...

    @abstractmethod
    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None: ...


def unknown(value: object) -> bool:
    """Return whether something in a value is known only after the deployment."""
    return UNKNOWN in json.dumps(value)
