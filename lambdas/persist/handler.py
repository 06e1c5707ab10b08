"""The Lambda handler of the state Persist."""

from __future__ import annotations

from lambdas.persist.state import persist
from lambdas.runtime.stage import handler_of

STAGES = {"Persist": persist}

handler = handler_of(STAGES)
