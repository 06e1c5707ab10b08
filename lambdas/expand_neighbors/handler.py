"""The Lambda handler of the state ExpandNeighbors, and of the searches that reach the frontier."""

from __future__ import annotations

from lambdas.expand_neighbors.state import expand_neighbors, search_maps
from lambdas.runtime.stage import handler_of

STAGES = {"ExpandNeighbors": expand_neighbors, "SearchMaps": search_maps}

handler = handler_of(STAGES)
