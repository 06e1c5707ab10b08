"""What the command line tells a person: what is wrong, where, and what to do."""

from __future__ import annotations


class ScoutError(Exception):
    """A failure that is shown as its message alone, without a traceback; the command ends with ``exit_code``."""

    exit_code = 1


class Interrupted(ScoutError):
    """The person at the terminal has ended the command; the exit code is that of a program ended by Ctrl-C."""

    exit_code = 130


class InputRefused(ScoutError):
    """Input that is turned away at the door. ``problems`` holds one line for each wrong field."""

    exit_code = 2

    def __init__(self, name: str, problems: list[str]) -> None:
        super().__init__("\n".join([f"{name} is refused:", *(f"  {problem}" for problem in problems)]))
        self.problems = problems
