"""The Lambda handler of the state Rank."""

from __future__ import annotations

from lambdas.rank.state import rank_places
from lambdas.runtime.stage import handler_of

STAGES = {"Rank": rank_places}

handler = handler_of(STAGES)
