"""Connectors that a stack has by choice: Tavily with a key, Overture Maps, Amazon Location, the check by Google."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from lambdas.connectors.tavily import MAX_RESULTS
from lambdas.contracts.candidate import Source
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest, RunStatus
from lambdas.discover_web_sources.state import QUERY_PACK
from lambdas.runtime import keys
from scout.deployment import Deployment
from scout.embedded.emulator.instance import Emulator
from scout.standin.overture import RELEASE
from scout.standin.server import StandIn
from tests.e2e.real_states import connectors_of, deployed, own_emulator, small_job, world_of
from tests.e2e.support import places_of, read, run
from workflow.city_states import CityState

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("standin")]

REAL = (
    CityState.DISCOVER_WEB_SOURCES,
    CityState.TILE_SWEEP,
    CityState.WEB_FETCH,
    CityState.EXTRACT_WITH_LLM,
    CityState.GEOCODE_VALIDATE,
    CityState.FINALIZE,
)
KEYS = {"tests/tavily": "tvly-of-a-test", "tests/google": "AIza-of-a-test"}


@pytest.fixture(scope="module")
def job() -> RunInput:
    return small_job("connectors")


@pytest.fixture(scope="module")
def standin(job: RunInput) -> Iterator[StandIn]:
    with world_of(job) as running:
        yield running


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with own_emulator(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture(scope="module")
def stack(emulator: Emulator, standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    by_default = connectors_of(standin, emulator)
    chosen: dict[str, dict[str, Any]] = {
        "tavily": {"secret": "tests/tavily"},
        "google": {"secret": "tests/google", "enabled": True},
        "location": {"enabled": True},
    }
    connectors = {**by_default, **{name: {**by_default[name], **said} for name, said in chosen.items()}}
    stack = deployed(emulator, tmp_path_factory.mktemp("stacks"), REAL, connectors)
    secrets = stack.session.client("secretsmanager")
    for name, value in KEYS.items():
        secrets.create_secret(Name=name, SecretString=value)
    return stack


@pytest.fixture(scope="module")
def manifest(stack: Deployment, job: RunInput) -> Manifest:
    return run(stack, job)[0].manifest


@pytest.fixture(scope="module")
def asked(manifest: Manifest, standin: StandIn) -> Counter[str]:
    """How often each service was asked in the run."""
    assert manifest.status is RunStatus.SUCCEEDED
    return Counter(urllib3.request("GET", f"{standin.url}/_standin/log").json()["counts"])


def output_of(stack: Deployment, manifest: Manifest, state: CityState) -> Any:
    """What a state put out."""
    return json.loads(read(stack, keys.stage_output(manifest.run_id, state.value)))["data"]


def test_with_a_key_in_secrets_manager_tavilys_pages_are_in_the_run(
    manifest: Manifest, stack: Deployment, asked: Counter[str], standin: StandIn
) -> None:
    output = output_of(stack, manifest, CityState.DISCOVER_WEB_SOURCES)
    assert asked["tavily"] == len(QUERY_PACK)
    assert output["sources"]["tavily"] > 0
    found = {
        result["url"]
        for query in QUERY_PACK
        for result in urllib3.request(
            "POST",
            f"{standin.url}/tavily/search",
            json={"query": query.format(city=manifest.city), "max_results": MAX_RESULTS},
            headers={"Authorization": "Bearer tvly-another"},
        ).json()["results"]
    }
    assert found & set(output["urls"])
    pages = {
        place.additional_content.web.source_url
        for place in places_of(stack, manifest)
        if place.additional_content.web is not None
    }
    assert found & pages, "places of the result come from there"


def test_the_city_is_cut_out_of_overture_maps(manifest: Manifest, stack: Deployment) -> None:
    output = output_of(stack, manifest, CityState.TILE_SWEEP)
    places = places_of(stack, manifest)
    assert output["sources"]["overture"] > 100
    assert sum(Source.OVERTURE in place.sources for place in places) > 100
    assert sum({Source.OVERTURE, Source.OSM} <= set(place.sources) for place in places) > 50, (
        "the same places as the map's"
    )
    assert manifest.releases == {"overture": RELEASE}
    credit = json.loads(read(stack, keys.attribution(manifest.input.slug, manifest.run_id)))
    assert f"Overture Maps Foundation, overturemaps.org, release {RELEASE}" in credit["notice"]
    free = read(stack, keys.places_free(manifest.input.slug, manifest.run_id)).decode().splitlines()
    assert sum("overture" in json.loads(line)["sources"] for line in free) > 100, "it is not share-alike"


def test_amazon_location_is_asked_in_nominatims_place_for_what_may_be_kept(
    manifest: Manifest, stack: Deployment, asked: Counter[str]
) -> None:
    assert asked["nominatim"] > 0, "for the border of the city"
    found = stack.session.client("s3").list_objects_v2(
        Bucket=stack.bucket, Prefix=f"raw/json/open-data/{manifest.input.slug}/"
    )
    records = [json.loads(read(stack, item["Key"]))["params"] for item in found["Contents"]]
    by_name = [params for params in records if "QueryText" in params]
    # Pages are handled side by side: two that miss the same name at once ask for it twice, and one answer stays.
    assert 0 < len(by_name) <= asked["location"]
    assert {params["IntendedUse"] for params in by_name} == {"Storage"}
    assert not [params for params in records if params.get("namedetails")], "no name was asked of Nominatim"


def test_google_is_asked_for_ids_and_nothing_else_of_it_is_kept(
    manifest: Manifest, stack: Deployment, asked: Counter[str]
) -> None:
    key = keys.google_place_ids(manifest.input.slug, manifest.run_id)
    assert key in [output.key for output in manifest.outputs]
    checked = json.loads(read(stack, key))["places"]
    assert 0 < len(checked) == asked["google"]
    assert {name for one in checked for name in one} == {"place_id", "google_place_id"}
    known = sum(one["google_place_id"] is not None for one in checked)
    assert output_of(stack, manifest, CityState.FINALIZE)["google"] == known > 0
    assert manifest.budgets["google"].spent >= len(checked)
