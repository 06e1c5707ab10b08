"""What functions and layers may cost, as ``lambdas/budgets.toml`` says it."""

from __future__ import annotations

import tomllib

from pydantic import BaseModel, ConfigDict, Field

from components.candidate_functions import FUNCTIONS as CANDIDATE_FUNCTIONS
from components.city_functions import CONTROL, MOCK, REAL
from components.function_spec import FunctionSpec
from tests.unit.pulumi_support import ROOT

FUNCTIONS: tuple[FunctionSpec, ...] = (CONTROL, MOCK, *REAL.values(), *CANDIDATE_FUNCTIONS.values())
LAYERS = sorted({layer for function in FUNCTIONS for layer in function.layers})


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LayerBudget(_Row):
    zip_mb: float = Field(alias="zip", gt=0)
    unzipped_mb: float = Field(alias="unzipped", gt=0)


class FunctionBudget(_Row):
    zip_kb: float = Field(alias="zip", gt=0)
    import_ratio: float = Field(alias="import", gt=0)
    loads: frozenset[str]


class Budgets(_Row):
    heavy: frozenset[str]
    layers: dict[str, LayerBudget]
    functions: dict[str, FunctionBudget]


BUDGETS = Budgets.model_validate(tomllib.loads((ROOT / "lambdas" / "budgets.toml").read_text(encoding="utf-8")))
