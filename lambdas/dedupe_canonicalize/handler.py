"""The Lambda handler of the state DedupeCanonicalize."""

from __future__ import annotations

from lambdas.dedupe_canonicalize.state import dedupe_canonicalize
from lambdas.runtime.stage import handler_of

STAGES = {"DedupeCanonicalize": dedupe_canonicalize}

handler = handler_of(STAGES)
