"""Which implementation each state has in each stack, and changing one in a stack's file."""

from __future__ import annotations

import difflib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from scout.errors import InputRefused, ScoutError
from scout.local import PROJECT_DIR
from workflow.city_states import STATE_NAMES

if TYPE_CHECKING:
    from scout.embedded.deploy.stack_config import StackConfig

_KEY = "states"


@dataclass(frozen=True)
class StackFlags:
    """The modes of a stack's states, as its file has them.

    Attributes:
        stack: The stack.
        modes: ``mock`` or ``real`` for each state that the file names.
        problems: Why the stack would be refused; empty if it would not.
    """

    stack: str
    modes: Mapping[str, str]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Edit:
    """A stack's file before and after a change.

    Attributes:
        path: The file.
        before: Its text.
        after: Its text with the change.
    """

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """What changes, as a unified diff; empty if nothing does."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            self.path.name,
            self.path.name,
        )
        return "".join(lines)

    def write(self) -> None:
        """Put the change into the file, which holds the old text or the new one and nothing between."""
        _replace(self.path, self.after)


def every_stack(project_dir: Path = PROJECT_DIR) -> list[StackFlags]:
    """The modes in each stack of the project, by the stacks' names.

    Raises:
        ScoutError: A file cannot be read as the configuration of a stack.
    """
    names = sorted(
        path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in project_dir.glob("Pulumi.*.yaml")
    )
    found = []
    for name in names:
        config = _load(project_dir, name)
        found.append(StackFlags(name, _modes(config), tuple(_problems(config))))
    return found


def parsed(words: list[str]) -> dict[str, str]:
    """What ``STATE=MODE`` words say.

    Raises:
        InputRefused: A word is not of that form, or names a state that another word names too.
    """
    modes: dict[str, str] = {}
    problems = []
    for word in words:
        state, equals, mode = word.partition("=")
        if not equals or not state or not mode:
            problems.append(f"{word!r}: expected is STATE=mock or STATE=real")
        elif modes.get(state, mode) != mode:
            problems.append(f"{state}: is to be both {modes[state]} and {mode}")
        modes[state] = mode
    if problems:
        raise InputRefused("the command", problems)
    return modes


def edit(stack: str, changes: Mapping[str, str], project_dir: Path = PROJECT_DIR) -> Edit:
    """Change the modes of states in a stack's file: nothing else in it changes by a single character.

    Args:
        stack: The stack.
        changes: The new mode of each state.
        project_dir: The folder of the stack files.

    Returns:
        The file with the change, not written yet.

    Raises:
        InputRefused: The stack would be refused with it, for the reasons that its settings give.
        ScoutError: The file cannot be read, or is written in a form that cannot be changed here.
    """
    config = _load(project_dir, stack)
    wanted = {**_modes(config), **changes}
    full = f"{config.project}:{_KEY}"
    values = {**config.values, full: json.dumps(wanted, separators=(",", ":"))}
    if problems := list(_problems(config, values)):
        raise InputRefused(f"{', '.join(f'{state}={mode}' for state, mode in changes.items())} on {stack}", problems)
    path = project_dir / f"Pulumi.{stack}.yaml"
    before = path.read_bytes().decode()
    after = _edited(before, {full, _KEY}, changes)
    if after is None or _read_back(project_dir, stack, after) != {**config.values, full: wanted}:
        raise ScoutError(
            f"{path} does not write out {_KEY} as one plain value for each state, so it cannot be changed here: change "
            "it by hand, or with `pulumi config set --path`"
        )
    return Edit(path, before, after)


@contextmanager
def applied(change: Edit) -> Iterator[_Applied]:
    """Put a change into its file for a while: it is taken back at the end, unless it was kept."""
    held = _Applied()
    change.write()
    try:
        yield held
    finally:
        if not held.kept:
            _replace(change.path, change.before)


class _Applied:
    """A change that stands in its file; ``keep`` lets it stay."""

    def __init__(self) -> None:
        self.kept = False

    def keep(self) -> None:
        self.kept = True


def _load(project_dir: Path, stack: str) -> StackConfig:
    from scout.embedded.deploy.stack_config import ConfigError, load_stack_config  # noqa: PLC0415 - see local.up()

    try:
        return load_stack_config(project_dir, stack)
    except ConfigError as error:
        raise ScoutError(str(error)) from error


def _modes(config: StackConfig) -> dict[str, str]:
    given = json.loads(config.values[f"{config.project}:{_KEY}"])
    named = {state: str(given[state]) for state in STATE_NAMES if state in given}
    return {**named, **{state: str(mode) for state, mode in given.items()}}


def _problems(config: StackConfig, values: Mapping[str, str] | None = None) -> Iterator[str]:
    """Why the settings of a stack would be refused; with other values than its own if they are given."""
    from settings import ConfigError, Settings  # noqa: PLC0415 - see local.up()

    try:
        Settings.load(config.project, config.stack, values or config.values)
    except ConfigError as error:
        yield from (line.strip() for line in str(error).splitlines()[1:])


def _edited(text: str, keys: set[str], changes: Mapping[str, str]) -> str | None:
    """The text with the changes at the places where YAML's own parser finds the values; None if it finds none."""
    states = _found(_found(yaml.compose(text, Loader=yaml.SafeLoader), {"config"}), keys)
    if not isinstance(states, yaml.MappingNode) or not states.value:
        return None
    held = {key.value: value for key, value in states.value}
    pieces: list[tuple[int, int, str]] = []
    for state, mode in changes.items():
        if state in held:
            pieces.append((held[state].start_mark.index, held[state].end_mark.index, mode))
        else:
            last_key, last = states.value[-1]
            newline = "\r\n" if "\r\n" in text else "\n"
            gap = ", " if states.flow_style else newline + " " * last_key.start_mark.column
            pieces.append((last.end_mark.index, last.end_mark.index, f"{gap}{state}: {mode}"))
    # From the end, so that what comes before keeps its place; of two at one place the later one first.
    for start, end, piece in sorted(pieces, key=lambda item: item[0], reverse=True):
        text = text[:start] + piece + text[end:]
    return text


def _found(node: Any, keys: set[str]) -> Any:  # noqa: ANN401 - any node
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value in keys), None)


def _read_back(project_dir: Path, stack: str, text: str) -> dict[str, object] | None:
    """The configuration as it would be read from the text, with the states as an object; None if it would not be."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(project_dir / "Pulumi.yaml", folder)
        (Path(folder) / f"Pulumi.{stack}.yaml").write_bytes(text.encode())
        try:
            config = _load(Path(folder), stack)
        except ScoutError:
            return None
    return {**config.values, f"{config.project}:{_KEY}": json.loads(config.values[f"{config.project}:{_KEY}"])}


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(text.encode())
    shutil.copymode(path, temporary)
    temporary.replace(path)
