"""The JSON Schemas of the contracts, made from the models, for editors and for other languages."""

from __future__ import annotations

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
