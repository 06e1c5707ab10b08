"""The Lambda handler of the state SeedPrimaries."""

from __future__ import annotations

from lambdas.runtime.stage import handler_of
from lambdas.seed_primaries.state import seed_primaries

STAGES = {"SeedPrimaries": seed_primaries}

handler = handler_of(STAGES)
