"""The twelve states of city discovery, as data: the one place that names them."""

from __future__ import annotations

from enum import StrEnum


class StateMode(StrEnum):
    """Which implementation of a state a stack deploys."""

    MOCK = "mock"
    REAL = "real"


class Phase(StrEnum):
    """The three parts of a run, in order."""

    DISCOVERY = "discovery"
    PROCESSING = "processing"
    FINALIZATION = "finalization"


class CityState(StrEnum):
    """A state of city discovery, in the order in which a place passes through them."""

    DISCOVER_WEB_SOURCES = "DiscoverWebSources"
    DISCOVER_TARGETS = "DiscoverTargets"
    SEED_PRIMARIES = "SeedPrimaries"
    EXPAND_NEIGHBORS = "ExpandNeighbors"
    TILE_SWEEP = "TileSweep"
    WEB_FETCH = "WebFetch"
    EXTRACT_WITH_LLM = "ExtractWithLLM"
    GEOCODE_VALIDATE = "GeocodeValidate"
    DEDUPE_CANONICALIZE = "DedupeCanonicalize"
    PERSIST = "Persist"
    RANK = "Rank"
    FINALIZE = "Finalize"


STATE_NAMES: tuple[str, ...] = tuple(state.value for state in CityState)

PHASES: dict[Phase, tuple[CityState, ...]] = {
    Phase.DISCOVERY: (
        CityState.DISCOVER_WEB_SOURCES,
        CityState.DISCOVER_TARGETS,
        CityState.SEED_PRIMARIES,
        CityState.EXPAND_NEIGHBORS,
        CityState.TILE_SWEEP,
    ),
    Phase.PROCESSING: (CityState.WEB_FETCH, CityState.EXTRACT_WITH_LLM, CityState.GEOCODE_VALIDATE),
    Phase.FINALIZATION: (CityState.DEDUPE_CANONICALIZE, CityState.PERSIST, CityState.RANK, CityState.FINALIZE),
}

# States that a stack may set to `real`. The others have only their mock so far.
IMPLEMENTED_REAL: frozenset[CityState] = frozenset(
    {
        CityState.DISCOVER_WEB_SOURCES,
        CityState.DISCOVER_TARGETS,
        CityState.SEED_PRIMARIES,
        CityState.EXPAND_NEIGHBORS,
        CityState.TILE_SWEEP,
        CityState.WEB_FETCH,
        CityState.EXTRACT_WITH_LLM,
        CityState.GEOCODE_VALIDATE,
        *PHASES[Phase.FINALIZATION],
    }
)
