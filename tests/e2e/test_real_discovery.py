"""Real discovery states in the stand-in world: each runs beside mock states, and all of them together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from lambdas.contracts.candidate import Source
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest, RunStatus, StateMode, StateStatus, StoppedBy
from lambdas.runtime import keys
from scout.deployment import Deployment
from scout.embedded.emulator.instance import Emulator
from scout.standin.server import StandIn
from tests.e2e.real_states import deployed, small_job, world_of
from tests.e2e.support import places_of, read, run
from workflow.city_states import CityState

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("standin")]

REAL = (
    CityState.DISCOVER_WEB_SOURCES,
    CityState.DISCOVER_TARGETS,
    CityState.SEED_PRIMARIES,
    CityState.EXPAND_NEIGHBORS,
    CityState.TILE_SWEEP,
)


@pytest.fixture(scope="module")
def job() -> RunInput:
    return small_job("real-discovery")


@pytest.fixture(scope="module")
def standin(job: RunInput) -> Iterator[StandIn]:
    with world_of(job) as running:
        yield running


@pytest.fixture(scope="module")
def stack(emulator: Emulator, standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return deployed(emulator, tmp_path_factory.mktemp("stacks"), REAL, standin.connectors)


@pytest.fixture(scope="module")
def manifest(stack: Deployment, job: RunInput) -> Manifest:
    return run(stack, job)[0].manifest


def output_of(stack: Deployment, manifest: Manifest, state: CityState) -> Any:
    """What a state put out."""
    return json.loads(read(stack, keys.stage_output(manifest.run_id, state.value)))["data"]


def test_the_run_goes_to_its_end(manifest: Manifest) -> None:
    assert manifest.status is RunStatus.SUCCEEDED
    assert manifest.stopped_by is StoppedBy.DRAINED
    for state in REAL:
        assert manifest.states[state].mode is StateMode.REAL
        assert manifest.states[state].status is StateStatus.SUCCEEDED


def test_the_border_and_the_data_of_the_city_are_known(manifest: Manifest, stack: Deployment) -> None:
    output = output_of(stack, manifest, CityState.DISCOVER_TARGETS)
    assert output["boundary"]["country_code"] == "gb"
    targets = json.loads(read(stack, output["key"]))
    assert targets["boundary"] == output["boundary"]
    assert len(targets["datasets"]) == 5


def test_the_primaries_are_what_the_knowledge_bases_know(manifest: Manifest, stack: Deployment) -> None:
    output = output_of(stack, manifest, CityState.SEED_PRIMARIES)
    assert len(output["primaries"]) > 20
    assert all(count > 0 for count in output["sources"].values())
    from_wikidata = [place for place in places_of(stack, manifest) if Source.WIKIDATA in place.sources]
    assert len(from_wikidata) > 20


def test_pages_are_found_without_a_key(manifest: Manifest, stack: Deployment) -> None:
    output = output_of(stack, manifest, CityState.DISCOVER_WEB_SOURCES)
    assert output["sources"]["tavily"] == "disabled: no_credentials"
    assert len(output["urls"]) > 5
    assert manifest.frontier.enqueued >= len(output["urls"])


def test_what_lies_around_the_primaries_is_found(manifest: Manifest, stack: Deployment) -> None:
    output = output_of(stack, manifest, CityState.EXPAND_NEIGHBORS)
    assert len(output["near"]) > 50
    assert output["ring"]
    places = places_of(stack, manifest)
    from_map = [place for place in places if Source.OSM in place.sources]
    assert len(from_map) > 50
    assert [place for place in places if place.score_breakdown and place.score_breakdown.graph_context]


def test_without_an_extract_the_whole_map_comes_from_overpass(manifest: Manifest, stack: Deployment) -> None:
    assert manifest.input.sources is None
    output = output_of(stack, manifest, CityState.TILE_SWEEP)
    assert output["complete"]
    assert output["objects"] > 100


def test_free_services_are_asked_by_name_and_one_request_after_the_other(manifest: Manifest, standin: StandIn) -> None:
    assert manifest.counts.places > 0
    asked = urllib3.request("GET", f"{standin.url}/_standin/log").json()["requests"]
    services = Counter(request["service"] for request in asked)
    assert services.keys() >= {"nominatim", "overpass", "wikidata", "wikipedia", "wikivoyage"}
    assert services["nominatim"] == 1, "what one state was answered the next one finds"
    assert {request["status"] for request in asked if request["service"] != "web"} == {200}
