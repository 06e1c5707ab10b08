"""Ask before something is done that cannot be taken back."""

from __future__ import annotations

import sys

import typer

from scout.errors import InputRefused


def sure(question: str, *, yes: bool) -> bool:
    """Whether the person at the terminal wants it.

    Args:
        question: What is asked.
        yes: The answer was given with ``--yes``.

    Raises:
        InputRefused: There is no terminal to ask on, and no ``--yes``.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise InputRefused("the command", ["there is no terminal to ask on; give --yes to do it without being asked"])
    return typer.confirm(question, err=True)
