"""Physical names: ``{project}-{stack}-{role}``, without random suffixes, checked against what each service takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from settings import ConfigError

Kind = Literal[
    "bucket", "queue", "table", "role", "function", "layer", "state machine", "pipe", "rule", "alias", "job", "topic"
]  # fmt: skip


class InvalidName(ConfigError):
    """A physical name that its service would refuse: the project or the stack needs another name."""


@dataclass(frozen=True)
class NameRule:
    """What a service takes as a name.

    Attributes:
        service: The service, as it stands in messages.
        longest: Characters.
        pattern: What the whole name must match.
        characters: The pattern in words.
        shortest: Characters.
    """

    service: str
    longest: int
    pattern: str
    characters: str
    shortest: int = 1


_WORD = r"[A-Za-z0-9_-]+"
_WORD_TEXT = "letters, digits, hyphens and underscores"
_DOTTED = r"[A-Za-z0-9_.-]+"
_DOTTED_TEXT = "letters, digits, dots, hyphens and underscores"
# Each service's API reference, at the create operation of the resource.
RULES: dict[Kind, NameRule] = {
    # S3 also allows dots, but not with TLS and the virtual-hosted style.
    "bucket": NameRule("S3", 63, r"[a-z0-9][a-z0-9-]*[a-z0-9]", "lower-case letters, digits and inner hyphens", 3),
    "queue": NameRule("SQS", 80, _WORD, _WORD_TEXT),
    "table": NameRule("DynamoDB", 255, _DOTTED, _DOTTED_TEXT, 3),
    "role": NameRule("IAM", 64, r"[A-Za-z0-9_+=,.@-]+", "letters, digits and _+=,.@-"),
    "function": NameRule("Lambda", 64, _WORD, _WORD_TEXT),
    "layer": NameRule("Lambda", 64, _WORD, _WORD_TEXT),
    "state machine": NameRule("Step Functions", 80, _WORD, _WORD_TEXT),
    "pipe": NameRule("EventBridge Pipes", 64, _DOTTED, _DOTTED_TEXT),
    "rule": NameRule("EventBridge", 64, _DOTTED, _DOTTED_TEXT),
    "job": NameRule("Glue", 255, _WORD, _WORD_TEXT),
    "topic": NameRule("SNS", 256, _WORD, _WORD_TEXT),
    "alias": NameRule("KMS", 249, r"[A-Za-z0-9_/-]+", "letters, digits, slashes, hyphens and underscores"),
}


@dataclass(frozen=True)
class Names:
    """The physical names of one stack.

    Attributes:
        project: The project's name.
        stack: The stack's name. Together with the project it must be unique in the account and region.
    """

    project: str
    stack: str

    def of(self, kind: Kind, role: str) -> str:
        """The name of a resource.

        Args:
            kind: What it is.
            role: What it does in the stack, such as ``frontier``.

        Returns:
            The name.

        Raises:
            InvalidName: The service would refuse it.
        """
        name, rule = f"{self.project}-{self.stack}-{role}", RULES[kind]
        if not rule.shortest <= len(name) <= rule.longest:
            raise InvalidName(
                f"{kind} name {name!r} has {len(name)} characters; {rule.service} takes {rule.shortest} to"
                f" {rule.longest}. Choose another name for the project, the stack, or what {role!r} comes from"
            )
        if not re.fullmatch(rule.pattern, name):
            raise InvalidName(f"{kind} name {name!r} is not valid; {rule.service} takes {rule.characters}")
        return name
