"""The program as it would be deployed for a stack: what the account and the deployment are compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scout.stacks import planning

_PLACEHOLDER = "123456789012"
_FUNCTION = "aws:lambda/function:Function"
_LAYER = "aws:lambda/layerVersion:LayerVersion"
_MACHINE = "aws:sfn/stateMachine:StateMachine"
_JOB = "aws:glue/job:Job"
_POLICY = "aws:iam/rolePolicy:RolePolicy"

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """The resources of a stack as its program asks for them.

    Attributes:
        resources: Each with its ``type`` and ``inputs``; names of AWS are those of the placeholder account.
    """

    resources: tuple[Inputs, ...]

    @classmethod
    def of(cls, stack: str) -> Program:
        """Run the program for a stack, with no AWS.

        Raises:
            ScoutError: The configuration or the program was refused.
        """
        return cls(tuple(planning.graph(stack)["resources"]))

    def in_account(self, account: str) -> Program:
        """The same with the names that AWS gives in an account."""
        return Program(tuple(json.loads(json.dumps(self.resources).replace(_PLACEHOLDER, account))))

    @cached_property
    def functions(self) -> dict[str, Inputs]:
        """Lambda functions by name."""
        return {inputs["name"]: inputs for inputs in self._of(_FUNCTION)}

    @cached_property
    def layers(self) -> dict[str, Inputs]:
        """Layers by name."""
        return {inputs["layerName"]: inputs for inputs in self._of(_LAYER)}

    @cached_property
    def machines(self) -> dict[str, Inputs]:
        """State machines by name."""
        return {inputs["name"]: inputs for inputs in self._of(_MACHINE)}

    @cached_property
    def jobs(self) -> dict[str, Inputs]:
        """Glue jobs by name."""
        return {inputs["name"]: inputs for inputs in self._of(_JOB)}

    def allowed(self, *actions: str) -> dict[str, set[str]]:
        """The resources that roles may use with some of these actions, and the roles, by resource."""
        found: dict[str, set[str]] = {}
        for inputs in self._of(_POLICY):
            for statement in json.loads(inputs["policy"])["Statement"]:
                if statement["Effect"] == "Allow" and set(_listed(statement["Action"])) & set(actions):
                    for resource in _listed(statement.get("Resource", [])):
                        found.setdefault(resource, set()).add(str(inputs["role"]))
        return found

    def _of(self, kind: str) -> list[Inputs]:
        return [resource["inputs"] for resource in self.resources if resource["type"] == kind]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
