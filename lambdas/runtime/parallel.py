"""Doing a few slow things at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_WORKERS = 8
_T = TypeVar("_T")
_R = TypeVar("_R")


def in_parallel(function: Callable[[_T], _R], arguments: Sequence[_T]) -> list[_R]:
    """Call a function with each argument, a few at once.

    Args:
        function: What to call, which waits for something most of its time.
        arguments: With what.

    Returns:
        The results in the order of the arguments.

    Raises:
        Exception: What the first failing call raised, once all others have ended.
    """
    if len(arguments) < 2:
        return [function(argument) for argument in arguments]
    with ThreadPoolExecutor(min(_WORKERS, len(arguments))) as pool:
        return list(pool.map(function, arguments))
