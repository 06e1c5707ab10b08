"""Property paths: how the protocol writes where a value stands in the properties of a resource.

https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/property_path.go has the grammar.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scout.embedded.resources.differences import Path

_ANY: Final = "*"
_PLAIN: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_STEP: Final = re.compile(
    r"""\[(?P<index>\d+|\*)\] | \["(?P<quoted>(?:\\"|[^"])*)"\] | \.?(?P<name>[^.\[]+)""", re.VERBOSE
)


def written(path: Path) -> str:
    """Return a path as the protocol writes it."""
    steps = []
    for step in path:
        if isinstance(step, int):
            steps.append(f"[{step}]")
        elif _PLAIN.fullmatch(step):
            steps.append(f".{step}")
        else:
            quoted = step.replace('"', '\\"')
            steps.append(f'["{quoted}"]')
    return "".join(steps).removeprefix(".")


def read(text: str) -> Path | None:
    """Return the path that a text stands for, or None if it is none. `*` stands for any step."""
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            return None
        index, quoted, name = step["index"], step["quoted"], step["name"]
        if quoted is not None:
            steps.append(quoted.replace('\\"', '"'))
        elif name is not None:
            steps.append(name)
        else:
            steps.append(_ANY if index == _ANY else int(index))
        position = step.end()
    return tuple(steps)


def is_within(path: Path, areas: Iterable[str]) -> bool:
    """Return whether what stands at a path is part of one of the areas.

    Args:
        path: Where it stands.
        areas: Paths as the protocol writes them, as in `tags`, `rules[*].status`; what is none names nothing.
    """
    for area in areas:
        steps = read(area)
        if (
            steps
            and len(steps) <= len(path)
            and all(_fits(one, other) for one, other in zip(steps, path, strict=False))
        ):
            return True
    return False


def _fits(wanted: str | int, step: str | int) -> bool:
    return wanted in (_ANY, step)
