"""Each state of city discovery switched by itself, real among mocks and mock among real ones: each run ends well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.city_functions import MOCK, REAL
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest, RunStatus, StateMode, StateStatus, StoppedBy
from scout.cities import runs
from scout.deployment import Deployment
from scout.e2e.city_checks import PATH
from scout.embedded.emulator.instance import Emulator
from tests.e2e.real_states import connectors_of, deployed, new_account, own_emulator, small_job, world_of
from tests.e2e.support import depth, eventually, places_of, run
from workflow.city_states import CityState

pytestmark = pytest.mark.e2e

# The least disc in which every state still has something to do.
RADIUS_KM = 0.3
OTHERS = {StateMode.REAL: StateMode.MOCK, StateMode.MOCK: StateMode.REAL}


@dataclass(frozen=True)
class Stack:
    """A stack that is changed from one combination to the next, and the world beside it."""

    emulator: Emulator
    folder: Path
    account: str
    connectors: dict[str, Any]
    job: RunInput

    def with_real(self, real: frozenset[CityState]) -> Deployment:
        """The stack with these states real."""
        return deployed(
            self.emulator,
            self.folder,
            real,
            self.connectors,
            account=self.account,
            frontier={"poll_seconds": 1, "batch_window_seconds": 0},
        )


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    job = small_job("one-state", RADIUS_KM)
    with own_emulator(tmp_path_factory.mktemp("aws")) as emulator, world_of(job) as standin:
        connectors = connectors_of(standin, emulator)
        # Mock states send pages on https.
        connectors["web"] = {**connectors["web"], "ca": standin.authority.pem}
        yield Stack(emulator, tmp_path_factory.mktemp("stacks"), new_account(), connectors, job)


def combinations() -> Iterator[Any]:
    """All 24; those with one base are one worker's, which changes one stack from each to the next."""
    for base in StateMode:
        for state in CityState:
            group = pytest.mark.xdist_group(f"one-state-{base}")
            yield pytest.param(base, state, marks=group, id=f"{state}-{OTHERS[base]}")


@pytest.mark.parametrize(("base", "switched"), list(combinations()))
def test_a_run_with_one_state_switched_goes_to_its_end(stack: Stack, base: StateMode, switched: CityState) -> None:
    alone = frozenset({switched})
    deployment = stack.with_real(frozenset(CityState) - alone if base is StateMode.REAL else alone)
    result, view = run(deployment, stack.job)
    manifest = result.manifest

    assert manifest.status is RunStatus.SUCCEEDED
    assert manifest.stopped_by is StoppedBy.DRAINED, manifest.gate
    errors = {name: report.error for name, report in manifest.states.items() if report.error}
    assert errors == {}
    assert manifest.failed_states == ()
    assert {name: report.status for name, report in manifest.states.items()} == dict.fromkeys(
        CityState, StateStatus.SUCCEEDED
    )
    assert ended_in_order(view.snapshots[-1])

    assert manifest.frontier.enqueued > 0
    assert manifest.frontier.done == manifest.frontier.enqueued
    # A batch is settled before its messages are deleted.
    assert eventually(lambda: depth(deployment, deployment.frontier_queue_url) == 0)
    assert depth(deployment, deployment.frontier_dlq_url) == 0

    places = places_of(deployment, manifest)
    assert len(places) == manifest.counts.places > 0
    assert [place.rank for place in places] == list(range(1, len(places) + 1))

    assert {state for state in CityState if manifest.states[state].mode is not base} == {switched}
    ran_in(deployment, manifest, base, switched)


def ended_in_order(snapshot: runs.Snapshot) -> bool:
    """Whether the execution has passed through the states of every good run, in their order."""
    visited = iter(state.name for state in snapshot.states)
    return all(name in visited for name in PATH)


def ran_in(deployment: Deployment, manifest: Manifest, base: StateMode, switched: CityState) -> None:
    """The function of each state says that it has worked for this run, and no other function does."""
    modes = {state: OTHERS[base] if state is switched else base for state in CityState}
    expected = {state: {REAL[state].name if mode is StateMode.REAL else MOCK.name} for state, mode in modes.items()}

    def seen() -> dict[CityState, set[str]]:
        worked: dict[CityState, set[str]] = {state: set() for state in CityState}
        for name in set().union(*expected.values()):
            for line in lines_of(deployment, name):
                if line["runId"] == manifest.run_id and line["currentStage"] in worked:
                    worked[CityState(line["currentStage"])].add(name)
        return worked

    eventually(lambda: seen() == expected)
    assert seen() == expected


def lines_of(deployment: Deployment, function: str) -> Iterator[dict[str, Any]]:
    """What a function has logged of the stages that it began."""
    pages = deployment.session.client("logs").get_paginator("filter_log_events")
    group = f"/aws/lambda/data-scout-{deployment.stack}-{function}"
    for page in pages.paginate(logGroupName=group, filterPattern='"Starting stage"'):
        yield from (json.loads(event["message"]) for event in page["events"])
