"""The Lambda handler of the state DiscoverTargets."""

from __future__ import annotations

from lambdas.discover_targets.state import discover_targets
from lambdas.runtime.stage import handler_of

STAGES = {"DiscoverTargets": discover_targets}

handler = handler_of(STAGES)
