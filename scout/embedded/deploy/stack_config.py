"""The configuration of a stack, read from `Pulumi.yaml` and `Pulumi.<stack>.yaml` as the Pulumi engine reads it.

What the engine refuses before it starts the program is refused here in its words. It knows no unknown keys: to refuse
those is the program's own task.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

_PROJECT_FILE: Final = "Pulumi.yaml"
_STACK_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
# `encryptionsalt` and its like are what `pulumi stack init` and `pulumi config set --secret` write.
_STACK_KEYS: Final = frozenset({"config", "encryptionsalt", "encryptedkey", "secretsprovider"})
_SECRET_FORM: Final = frozenset({"secure"})


class ConfigError(Exception):
    """A project or stack file that the engine would refuse; the message names the file or the key."""


@dataclass(frozen=True)
class StackConfig:
    """What the engine knows when it starts a program.

    Attributes:
        project: The project's name.
        stack: The stack's name.
        directory: The folder of `Pulumi.yaml`, which the program runs in.
        values: Every configuration value by its full key, as the text that the program receives.
    """

    project: str
    stack: str
    directory: Path
    values: Mapping[str, str]


def load_stack_config(directory: Path, stack: str) -> StackConfig:
    """Read the configuration of a stack.

    Args:
        directory: The folder of `Pulumi.yaml`.
        stack: Name of the stack; its file is `Pulumi.<stack>.yaml`.

    Raises:
        ConfigError: A file is missing or is no valid YAML, a value is missing, has another type than `Pulumi.yaml`
            declares, or is encrypted.
    """
    directory = directory.resolve()
    project = _read(directory / _PROJECT_FILE)
    name = project.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{directory / _PROJECT_FILE}: the project has no `name`")
    given = _stack_values(directory, name, stack)
    declared = {_full_key(name, key): (key, _declaration(entry)) for key, entry in _section(project).items()}

    missing = sorted(
        key
        for full, (key, entry) in declared.items()
        if full not in given and entry.fallback is None and full.startswith(f"{name}:")
    )
    if missing:
        noun = "value" if len(missing) == 1 else "values"
        raise ConfigError(f"Stack '{stack}' is missing configuration {noun} {_enumerated(missing)}")

    # The stack's value stands alone: the engine replaces an object of the project, it never merges the two.
    fallbacks = {full: entry.fallback for full, (_, entry) in declared.items() if entry.fallback is not None}
    values = fallbacks | given
    for full, (key, entry) in declared.items():
        if entry.type and not _fits(entry.type, entry.items, _as_text_unless_json(values[full])):
            wanted = _type_name(entry.type, entry.items)
            raise ConfigError(f"Stack '{stack}' with configuration key '{key}' must be of type '{wanted}'")
    return StackConfig(name, stack, directory, {key: _text(value) for key, value in values.items()})


@dataclass(frozen=True)
class _Declaration:
    type: str | None
    items: Mapping[str, Any] | None
    fallback: Any


def _declaration(entry: Any) -> _Declaration:  # noqa: ANN401 - any YAML value
    """Return what `Pulumi.yaml` says of one key: a declaration with a type, or just the value."""
    if not isinstance(entry, dict):
        return _Declaration(None, None, entry)
    kind = entry.get("type")
    if kind is not None and kind not in _TYPES:
        raise ConfigError(f"{_PROJECT_FILE}: the type '{kind}' is not one of {', '.join(sorted(_TYPES))}")
    return _Declaration(kind, entry.get("items"), entry["value"] if "value" in entry else entry.get("default"))


def stack_file(directory: Path, stack: str) -> Path:
    """The file of a stack's configuration.

    Args:
        directory: The folder of `Pulumi.yaml`.
        stack: Name of the stack.

    Raises:
        ConfigError: There is no such stack; the message names those that there are.
    """
    path = directory / f"Pulumi.{stack}.yaml"
    if not _STACK_NAME.fullmatch(stack) or not path.exists():
        known = sorted(
            file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in directory.glob("Pulumi.*.yaml")
        )
        raise ConfigError(
            f"no stack named '{stack}' found; the stacks of {directory} are: {', '.join(known) or 'none'}"
        )
    return path


def _stack_values(directory: Path, project: str, stack: str) -> dict[str, Any]:
    path = stack_file(directory, stack)
    content = _read(path)
    if unknown := sorted(content.keys() - _STACK_KEYS):
        raise ConfigError(f"{path}: unknown key '{unknown[0]}'; valid ones are {', '.join(sorted(_STACK_KEYS))}")
    values = {_full_key(project, key): value for key, value in _section(content).items()}
    for key, value in values.items():
        if value is None:
            raise ConfigError(f"{path}: the configuration key '{key}' has no value")
        if _holds_secret(value):
            raise ConfigError(
                f"{path}: the value of '{key}' is encrypted, and only the Pulumi CLI can decrypt it; "
                "give the embedded AWS a stack file with a plain value of no worth"
            )
    return values


def _section(content: Mapping[str, Any]) -> dict[str, Any]:
    section = content.get("config") or {}
    if not isinstance(section, dict):
        raise ConfigError("the key `config` must hold keys and values")
    return section


def _holds_secret(value: Any) -> bool:  # noqa: ANN401 - any YAML value
    if isinstance(value, dict):
        return value.keys() == _SECRET_FORM or any(_holds_secret(item) for item in value.values())
    return isinstance(value, list) and any(_holds_secret(item) for item in value)


def _full_key(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _text(value: Any) -> str:  # noqa: ANN401 - any YAML value
    """Return a value as the program gets it: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _as_text_unless_json(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    # The engine keeps every single value as text, so that `true` and "true" are the same to its checks.
    return value if isinstance(value, dict | list) else _text(value)


def _is_integer(value: Any) -> bool:  # noqa: ANN401 - any YAML value
    if isinstance(value, str):
        return re.fullmatch(r"[+-]?[0-9]+", value) is not None
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "boolean": lambda value: isinstance(value, bool) or value in ("true", "false"),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def _fits(kind: str, items: Mapping[str, Any] | None, value: Any) -> bool:  # noqa: ANN401 - any YAML value
    if not _TYPES[kind](value):
        return False
    return not items or kind != "array" or all(_fits(items["type"], items.get("items"), item) for item in value)


def _type_name(kind: str, items: Mapping[str, Any] | None) -> str:
    return f"array<{_type_name(items['type'], items.get('items'))}>" if kind == "array" and items else kind


def _enumerated(keys: list[str]) -> str:
    quoted = [f"'{key}'" for key in keys]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]]) if quoted[1:] else quoted[0]


class _Loader(yaml.SafeLoader):
    """YAML as the engine's parser takes it: no duplicate keys, and `on`, `12:30` or a date are plain text."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError(f"{node.start_mark.name}: the key '{key}' stands twice")
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_PLAIN: Final = {
    "tag:yaml.org,2002:bool": re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    "tag:yaml.org,2002:int": re.compile(r"^[-+]?(?:[0-9]+|0x[0-9a-fA-F]+)$"),
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, _PLAIN.get(tag, pattern)) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            content = yaml.load(file, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except FileNotFoundError as error:
        raise ConfigError(f"no Pulumi project found: {path} does not exist") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(content or {}, dict):
        raise ConfigError(f"{path}: a mapping of keys to values is expected")
    return content or {}
