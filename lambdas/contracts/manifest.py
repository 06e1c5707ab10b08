"""The manifest of a run: what was asked, what was found, what it took, why it stopped, and where the results lie."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from lambdas.contracts.base import Contract, RunId, Share, Uuid
from lambdas.contracts.effective import Effective
from lambdas.contracts.job import RunInput

Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[a-f0-9]{64}$")]


class RunStatus(StrEnum):
    """How the run ended. ``PARTIAL``: some state failed, and what was found without it is kept."""

    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"


class StoppedBy(StrEnum):
    """Why no more was looked for."""

    DRAINED = "drained"
    EARLY_STOP = "early_stop"
    BUDGET = "budget"
    DEADLINE = "deadline"
    KILL_SWITCH = "kill_switch"
    ERROR = "error"


class StateMode(StrEnum):
    """Which implementation of a state ran."""

    MOCK = "mock"
    REAL = "real"


class StateStatus(StrEnum):
    """How a state ended. ``SKIPPED``: a gate or a kill switch left it nothing to do, or the run never reached it."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class Counts(Contract):
    """How many of what."""

    candidates: Count
    places: Count
    primaries: Count
    secondaries: Count
    duplicates_merged: Count
    rejected: Count = 0


class Quality(Contract):
    """The result measured against the truth; ``None`` where no truth is known.

    ``recall``: found places over places of the truth inside the disc. ``precision``: places that exist over all
    places. ``duplicate_rate``: places that stand for an already listed one, over all places. ``within_50m``: share of
    the existing places that lie within 50 m of their true position.
    """

    recall: Share | None = None
    precision: Share | None = None
    duplicate_rate: Share | None = None
    within_50m: Share | None = None


class Bar(Contract):
    """One demand on a result's quality: what was reached, what was asked, and whether that is enough.

    ``value``: ``None`` where the result holds nothing that could be measured; the bar is then neither met nor missed.
    """

    value: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    bar: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    met: bool | None = None


class Coverage(Contract):
    """How much of the searched disc has places: H3 cells of a resolution whose centres lie in it."""

    resolution: Annotated[int, Field(ge=0, le=15)]
    cells: Count
    covered: Count


class BudgetUse(Contract):
    """One group's budget, in the units of ``lambdas.contracts.connectors``; ``primaries``: spent for primaries."""

    cap: Count
    spent: Count
    primaries: Count = 0
    calls: Count
    skipped: Count = 0
    killed: bool = False


class StateReport(Contract):
    """One of the twelve states. ``seconds``: time in its handlers, summed over invocations."""

    mode: StateMode
    status: StateStatus
    seconds: Annotated[float, Field(ge=0)]
    records: Count = 0
    error: str | None = None


class FrontierUse(Contract):
    """What became of the frontier messages of this run; ``waiting``: kept in the queue by an emergency stop."""

    enqueued: Count = 0
    waiting: Count = 0
    done: Count = 0
    dropped: Count = 0
    dead: Count = 0


class GateClosed(Contract):
    """Which gate ended the search, when, and at which value of what it watches."""

    name: StoppedBy
    at: str
    value: float
    threshold: float
    detail: str


class Output(Contract):
    """One object in the workflow bucket."""

    key: str
    bytes: Count
    sha256: Sha256


class Manifest(Contract):
    """What a run leaves behind, and what ``scout run --json`` prints (``schemas/manifest.schema.json``).

    ``input``: as it took effect, with the overrides of its ``environment``. ``settings``: every value that the run went
    by, and where it comes from. ``releases``: what was read of registers that are published as a whole: the release of
    ``overture``, the SHA-256 of ``osm_extract``. ``bars`` and ``coverage``: the result measured by itself, without any
    truth.
    """

    manifest_version: Annotated[int, Field(ge=1)] = 1
    run_id: RunId
    job_id: str
    city: str
    correlation_id: Uuid
    execution_arn: str | None = None
    status: RunStatus
    stopped_by: StoppedBy
    gate: GateClosed | None = None
    failed_states: tuple[str, ...] = ()
    started_at: str
    finished_at: str
    seconds: Annotated[float, Field(ge=0)]
    input: RunInput
    versions: dict[str, str]
    settings: dict[str, Effective] = Field(default_factory=dict)
    releases: dict[str, str] = Field(default_factory=dict)
    counts: Counts
    quality: Quality
    bars: dict[str, Bar] = Field(default_factory=dict)
    coverage: Coverage | None = None
    new_unique_rate: Share | None = None
    budgets: dict[str, BudgetUse]
    states: dict[str, StateReport]
    frontier: FrontierUse
    outputs: tuple[Output, ...]
