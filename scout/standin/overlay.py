"""The config that makes a stack on the embedded AWS use the stand-in world, without its program knowing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from scout.standin.overture import RELEASE

_REAL: Final = "real"


def needs_world(project: str, values: Mapping[str, str]) -> bool:
    """Whether a stack has a real state, which may call an outside service.

    Args:
        project: The namespace of its keys.
        values: Its configuration, as the engine hands it over.
    """
    states = _document(values.get(f"{project}:states"))
    return _REAL in states.values()


def overlay(project: str, values: Mapping[str, str], connectors: Mapping[str, Any], s3: str) -> dict[str, str]:
    """The configuration values that lie over a stack's own.

    Args:
        project: The namespace of its keys.
        values: Its own configuration. What it says itself of a connector stays.
        connectors: Where the world's services are.
        s3: The endpoint of the S3 that the world's Overture Maps were published to.
    """
    key = f"{project}:connectors"
    own = _document(values.get(key))
    world = {**connectors, "overture": {"endpoint_url": s3, "release": RELEASE}}
    merged: dict[str, Any] = {**own}
    for name, section in world.items():
        said = own.get(name)
        merged[name] = {**section, **(said if isinstance(said, dict) else {})}
    return {key: json.dumps(merged, sort_keys=True)}


def _document(text: str | None) -> dict[str, Any]:
    """An object of the configuration; what is none is for the program to refuse."""
    try:
        document = json.loads(text or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
