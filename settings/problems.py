"""What is wrong with the configuration of a stack, in words: which key, why, and what is valid there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic_core import ErrorDetails

from workflow.pipeline_config import GLUE, LAMBDA

REGION_KEY = "aws:region"
# Fields that are no keys of the project's namespace: the engine says the first two, the provider owns the third.
NOT_KEYS = frozenset({"project", "stack", "region"})
# pydantic puts the kind of a stage that it tried into the path of what is wrong with it.
_KINDS_OF_STAGE = frozenset({LAMBDA, GLUE})


def keys_of(model: type[BaseModel]) -> dict[str, Any]:
    """The keys of a model as they stand in the configuration, with the types of their values."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items() if name not in NOT_KEYS}


def unknown(model: type[BaseModel], project: str, key: str) -> str:
    """What to say of a key at the top level that does not exist."""
    section, dot, rest = key.partition(".")
    if dot and section in keys_of(model):
        # The engine takes `states.Rank` for one name, not for a path.
        return (
            f"{project}:{key}: is one key with a dot in its name. Write {rest!r} below {project}:{section}, or set it"
            f" with: pulumi config set --path '{project}:{key}' VALUE"
        )
    return f"{project}:{key}: no such key; valid are {_valid_keys(model, [key])}"


def explain(model: type[BaseModel], project: str, problem: ErrorDetails) -> str:
    """One line for one problem: the key, what is wrong with it, what is valid."""
    path = [part for part in problem["loc"] if part != "[key]"]
    shown = ".".join(str(part) for part in path if part not in _KINDS_OF_STAGE)
    key = REGION_KEY if path == [REGION_KEY] else f"{project}:{shown}"
    given = problem["input"]
    match problem["type"]:
        case "extra_forbidden":
            return f"{key}: no such key; valid are {_valid_keys(model, path)}"
        case "enum" | "literal_error" if len(path) < len(problem["loc"]):
            return f"{key}: no such key; valid are {problem['ctx']['expected']}"
        case "enum" | "literal_error":
            return f"{key}: {given!r} is not valid; valid are {problem['ctx']['expected']}"
        case "missing":
            return f"{key}: is missing"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{key}: must be an object, not {given!r}"
        case _:
            return f"{key}: {problem['msg']}; given is {given!r}"


def _valid_keys(model: type[BaseModel], path: Sequence[int | str]) -> str:
    """The keys that are valid beside the last one of a path."""
    annotation: Any = model
    for part in path[:-1]:
        annotation = _below(annotation, part)
    return ", ".join(keys_of(annotation))


def _below(annotation: Any, part: int | str) -> Any:  # noqa: ANN401 - any type that a key can have
    """The type of what stands at one step of a path."""
    if part in _KINDS_OF_STAGE:
        union = get_args(annotation)[0]
        return next(get_args(kind)[0] for kind in get_args(union) if Tag(str(part)) in get_args(kind))
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    return get_args(annotation)[0] if get_origin(annotation) is tuple else keys_of(annotation)[str(part)]
