"""The Lambda handler of the state TileSweep."""

from __future__ import annotations

from lambdas.runtime.stage import handler_of
from lambdas.tile_sweep.state import tile_sweep

STAGES = {"TileSweep": tile_sweep}

handler = handler_of(STAGES)
