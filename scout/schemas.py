"""Writes ``schemas/``: what editors and other programs know of the documents that this project reads and writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lambdas.contracts.schemas import contract_schemas
from scout.local import folder
from settings import stack_config_schema

if TYPE_CHECKING:
    from pathlib import Path

STACK_CONFIG = "stack-config.schema.json"


def generated() -> dict[str, dict[str, Any]]:
    """Every schema by its file name, made from the models."""
    return {**contract_schemas(), STACK_CONFIG: stack_config_schema()}


def text(schema: dict[str, Any]) -> str:
    """A schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write(out: Path) -> list[Path]:
    """Write every schema.

    Args:
        out: The folder; made if missing.

    Returns:
        The files.
    """
    folder(out)
    files = []
    for name, schema in sorted(generated().items()):
        path = out / name
        path.write_text(text(schema), encoding="utf-8")
        files.append(path)
    return files
