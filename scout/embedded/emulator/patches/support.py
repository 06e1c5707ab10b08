"""What patches are made with: they look at what they change before they change it."""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# The emulator has no type annotations: what it gives and takes is marked so.
Untyped = Any


class PatchError(Exception):
    """The emulator's code is not what a patch expects; the message names the patch and what it looked for."""


def service(name: str) -> Untyped:
    """Import a module of the emulator, such as `services.stepfunctions`."""
    return importlib.import_module(f"ministack.{name}")


class Patch:
    """One named change of the emulator.

    Args:
        name: The name of the patch's module, for messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name.rsplit(".", 1)[-1]

    def expect(self, function: Callable[..., Untyped], *fragments: str) -> None:
        """Check that the source of a function holds these fragments, in any order.

        Raises:
            PatchError: One is not there.
        """
        source = inspect.getsource(function)
        for fragment in fragments:
            if fragment not in source:
                place = f"{function.__module__}.{function.__qualname__}"
                raise PatchError(f"patch {self.name}: {place} no longer holds {fragment!r}")

    def around(self, owner: Untyped, attribute: str, replacement: Callable[..., Untyped]) -> None:
        """Put a function in the place of another, which it gets as its first argument.

        Args:
            owner: A module or class of the emulator.
            attribute: The name of the function there.
            replacement: Called as `replacement(original, *arguments)`.

        Raises:
            PatchError: There is no such function.
        """
        original = getattr(owner, attribute, None)
        if not callable(original):
            place = getattr(owner, "__name__", repr(owner))
            raise PatchError(f"patch {self.name}: {place} has no function {attribute!r}")

        @functools.wraps(original)
        def patched(*args: Untyped, **kwargs: Untyped) -> Untyped:
            return replacement(original, *args, **kwargs)

        setattr(owner, attribute, patched)
