"""Real page states in the stand-in world: pages are fetched, read and located, while all other states are mock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import urllib3

from lambdas.contracts.candidate import Source
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest, RunStatus, StateMode, StateStatus, StoppedBy
from scout.deployment import Deployment
from scout.embedded.emulator.instance import Emulator
from scout.standin.server import StandIn
from tests.e2e.real_states import deployed, small_job, world_of
from tests.e2e.support import places_of, run
from workflow.city_states import CityState

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("standin")]

REAL = (CityState.WEB_FETCH, CityState.EXTRACT_WITH_LLM, CityState.GEOCODE_VALIDATE)


@pytest.fixture(scope="module")
def job() -> RunInput:
    return small_job("real-pages")


@pytest.fixture(scope="module")
def standin(job: RunInput) -> Iterator[StandIn]:
    with world_of(job) as running:
        yield running


@pytest.fixture(scope="module")
def stack(emulator: Emulator, standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    connectors = standin.connectors
    # Mock states send pages on https.
    connectors["web"]["ca"] = standin.authority.pem
    return deployed(emulator, tmp_path_factory.mktemp("stacks"), REAL, connectors)


@pytest.fixture(scope="module")
def manifest(stack: Deployment, job: RunInput) -> Manifest:
    return run(stack, job)[0].manifest


def test_the_run_goes_to_its_end(manifest: Manifest) -> None:
    assert manifest.status is RunStatus.SUCCEEDED
    assert manifest.stopped_by is StoppedBy.DRAINED
    for state in REAL:
        assert manifest.states[state].mode is StateMode.REAL
        assert manifest.states[state].status is StateStatus.SUCCEEDED


def test_pages_bring_places(manifest: Manifest, stack: Deployment) -> None:
    places = places_of(stack, manifest)
    from_pages = [place for place in places if Source.WEB in place.sources]
    assert len(from_pages) > 20
    alone = [place for place in from_pages if place.sources == (Source.WEB,)]
    assert alone, "what no map knows"
    assert all(place.source_url for place in alone)


def test_no_denied_address_was_asked_for(manifest: Manifest, standin: StandIn) -> None:
    targets = urllib3.request("GET", f"{standin.url}/_standin/log").json()["targets"]
    assert targets
    assert [target for target in targets if target["denied"]] == []
