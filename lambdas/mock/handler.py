"""The one function that stands for every state set to ``mock``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lambdas.contracts.candidate import Place
from lambdas.contracts.manifest import Quality, StateMode
from lambdas.finalization.finalize import finalize
from lambdas.finalization.results import dedupe_canonicalize, persist, rank_places
from lambdas.mock import truth
from lambdas.mock.discovery import discover_targets, discover_web_sources, seed_primaries
from lambdas.mock.expansion import expand_neighbors, search_maps, tile_sweep
from lambdas.mock.processing import extract_with_llm, geocode_validate, web_fetch
from lambdas.runtime.context import StageOutput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run
from lambdas.runtime.stage import Stage, handler_of

FINDING_STATES = ("SeedPrimaries", "ExpandNeighbors", "TileSweep", "WebFetch", "ExtractWithLLM", "GeocodeValidate")
"""The states that bring candidates. If one of them is real, its finds are not in the synthetic truth."""


def measure(run: Run, places: Sequence[Place]) -> Quality:
    """The result against the truth, or nothing where the truth does not hold all that could be found."""
    if any(run.modes.get(state) is StateMode.REAL for state in FINDING_STATES):
        return Quality()
    return truth.measure(run.job, places)


def finalize_mock(given: StageInput, run: Run) -> StageOutput:
    """Finalize, with the result measured against the truth."""
    return finalize(given, run, measure)


STAGES: Mapping[str, Stage] = {
    "DiscoverWebSources": discover_web_sources,
    "DiscoverTargets": discover_targets,
    "SeedPrimaries": seed_primaries,
    "ExpandNeighbors": expand_neighbors,
    "TileSweep": tile_sweep,
    "SearchMaps": search_maps,
    "WebFetch": web_fetch,
    "ExtractWithLLM": extract_with_llm,
    "GeocodeValidate": geocode_validate,
    "DedupeCanonicalize": dedupe_canonicalize,
    "Persist": persist,
    "Rank": rank_places,
    "Finalize": finalize_mock,
}

handler = handler_of(STAGES)
