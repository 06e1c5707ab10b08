"""Findings: what was looked at, how it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.errors import StageError
from scout.errors import ScoutError


class Level(StrEnum):
    """How bad it is. ``FAIL``: something does not work, or will not; ``WARN``: it may not, or nobody could say."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What.
        level: How it is.
        said: What was seen.
        advice: What to do about it; empty where nothing is to be done.
    """

    subject: str
    level: Level
    said: str
    advice: str = ""


def ok(subject: str, said: str) -> Finding:
    """It is as it should be."""
    return Finding(subject, Level.OK, said)


def warn(subject: str, said: str, advice: str) -> Finding:
    """It may be a problem."""
    return Finding(subject, Level.WARN, said, advice)


def fail(subject: str, said: str, advice: str) -> Finding:
    """It is a problem."""
    return Finding(subject, Level.FAIL, said, advice)


def asked(
    subject: str,
    look: Callable[[], Iterable[Finding]],
    advice: str = "allow that to the credentials of this command, or see why it fails",
) -> list[Finding]:
    """Look at something that may refuse to answer. Then that is the finding: what nobody could see is not good.

    Args:
        subject: What is looked at.
        look: Looks.
        advice: What to do where it refuses.
    """
    try:
        return list(look())
    except (ClientError, BotoCoreError, ScoutError, StageError) as error:
        return [warn(subject, f"could not be asked, because {why(error)}", advice)]


def why(error: Exception) -> str:
    """An error in a few words."""
    if isinstance(error, ClientError):
        detail = error.response["Error"]
        said = detail.get("Message") or "it gives no reason"
        return f"AWS refused {error.operation_name}: {detail.get('Code', 'unknown')}, {said}"
    return str(error)
