"""The JSON Schemas of the contracts, made from the models, for editors and for other languages.

``python -m lambdas.contracts.schemas schemas`` writes them anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lambdas.contracts.base import Contract
from lambdas.contracts.candidate import Candidate
from lambdas.contracts.frontier import MapsMessage, WebMessage
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CONTRACTS: dict[str, type[Contract]] = {
    "run-input": RunInput,
    "frontier.web": WebMessage,
    "frontier.maps": MapsMessage,
    "candidate": Candidate,
    "manifest": Manifest,
}


def contract_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each contract, by the name of its file."""
    schemas = {
        f"{name}.schema.json": {"$schema": _DIALECT, **contract.model_json_schema()}
        for name, contract in _CONTRACTS.items()
    }
    for name in ("frontier.web.schema.json", "frontier.maps.schema.json"):
        # The models have a default for it; a reader tells the two shapes apart by it.
        schemas[name]["required"] = ["type", *schemas[name]["required"]]
    return schemas


def schema_text(schema: dict[str, Any]) -> str:
    """A schema as it stands in its file."""
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write all schemas into the folder that the only argument names."""
    (folder,) = arguments
    for name, schema in contract_schemas().items():
        (Path(folder) / name).write_text(schema_text(schema), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
