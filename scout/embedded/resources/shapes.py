"""From the shapes of `pulumi_aws` to those of boto3, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scout.embedded.resources.base import JsonObject


def pascal(value: Any, renames: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value with every key of every object as the APIs write it: `batchSize` becomes `BatchSize`.

    Args:
        value: A structure whose keys are all names of the API, never names that a user chose.
        renames: The keys that follow no rule.
    """
    renames = renames or {}
    if isinstance(value, dict):
        return {renames.get(key, key[:1].upper() + key[1:]): pascal(item, renames) for key, item in value.items()}
    if isinstance(value, list):
        return [pascal(item, renames) for item in value]
    return value


def camel(value: Any, renames: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value with every key as Pulumi writes it: what undoes `pascal`.

    Args:
        value: A structure whose keys are all names of the API.
        renames: The keys that follow no rule, as `pascal` takes them.
    """
    names = {name: key for key, name in (renames or {}).items()}
    if isinstance(value, dict):
        return {names.get(key, key[:1].lower() + key[1:]): camel(item, renames) for key, item in value.items()}
    if isinstance(value, list):
        return [camel(item, renames) for item in value]
    return value


def unpicked(held: Mapping[str, Any], names: Mapping[str, str]) -> JsonObject:
    """Return what the API told under the names that Pulumi has for it: what undoes `picked`.

    Args:
        held: An answer of the API.
        names: The API's name for each input.
    """
    return {key: held[name] for key, name in names.items() if name in held}


def picked(inputs: JsonObject, names: Mapping[str, str]) -> JsonObject:
    """Return the inputs that are set, under the names that the API has for them.

    Args:
        inputs: The resource's inputs.
        names: The API's name for each input.
    """
    return {names[key]: value for key, value in inputs.items() if key in names}


def changed(old: JsonObject, new: JsonObject, keys: Iterable[str]) -> bool:
    """Return whether one of the inputs differs."""
    return any(old.get(key) != new.get(key) for key in keys)
