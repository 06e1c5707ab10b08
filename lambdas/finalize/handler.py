"""The Lambda handler of the state Finalize."""

from __future__ import annotations

from lambdas.finalize.state import finalize
from lambdas.runtime.stage import handler_of

STAGES = {"Finalize": finalize}

handler = handler_of(STAGES)
