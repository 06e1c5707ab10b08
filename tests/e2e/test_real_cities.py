"""Whole cities with all states real, measured against the truth of the stand-in world, and the bars that they reach."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lambdas.contracts.candidate import Place, Source
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest, RunStatus, StateMode, StateStatus, StoppedBy
from lambdas.places.sources import LARGE_REGISTERS
from lambdas.runtime import keys
from scout.deployment import Deployment
from scout.standin.server import StandIn
from scout.standin.towns import golden_towns
from scout.standin.truth import Measured, Truth, measure
from scout.standin.world import World
from tests.e2e.real_states import connectors_of, deployed, own_emulator
from tests.e2e.support import EXAMPLES, example, places_of, read, run
from tests.unit.connectors.extracts import HELSINKI_OBJECTS, helsinki, objects_by_hand
from workflow.city_states import CityState

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("real-cities")]

CITIES = ("edinburgh", "tokyo", "helsinki")
# What tells each source in a list of attributions.
NAMED_BY = {
    Source.OSM: "OpenStreetMap",
    Source.OVERTURE: "Overture Maps Foundation",
    Source.WIKIDATA: "Wikidata",
    Source.WEB: "Facts from|Wikipedia|Wikivoyage",
    Source.OPEN_DATA: "Open data of",
}
JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
LATIN = re.compile(r"[A-Za-z]")


@dataclass(frozen=True)
class Found:
    """What a run has found."""

    job: RunInput
    manifest: Manifest
    places: list[Place]
    credit: dict[str, Any]
    measured: Measured


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(World(town for town in golden_towns(EXAMPLES) if town.slug in CITIES)) as running:
        yield running


@pytest.fixture(scope="module")
def stack(standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with own_emulator(tmp_path_factory.mktemp("aws")) as emulator:
        connectors = connectors_of(standin, emulator)
        yield deployed(emulator, tmp_path_factory.mktemp("stacks"), set(CityState), connectors, stack="all-real")


@pytest.fixture(scope="module")
def found(stack: Deployment, standin: StandIn) -> Callable[[str], Found]:
    """Runs a city when it is first asked for, as its golden input says: in Edinburgh without pages and model."""
    known: dict[str, Found] = {}

    def get(city: str) -> Found:
        if city not in known:
            job = example(city)
            manifest = run(stack, job)[0].manifest
            places = places_of(stack, manifest)
            credit = json.loads(read(stack, keys.attribution(job.slug, manifest.run_id)))
            known[city] = Found(job, manifest, places, credit, measure(standin.app.sites, job, places))
        return known[city]

    return get


@pytest.mark.parametrize("city", CITIES)
def test_the_run_goes_to_its_end(found: Callable[[str], Found], city: str) -> None:
    manifest = found(city).manifest
    assert manifest.status is RunStatus.SUCCEEDED
    assert manifest.stopped_by in {StoppedBy.DRAINED, StoppedBy.EARLY_STOP}, manifest.gate
    for state in CityState:
        report = manifest.states[state]
        assert (report.mode, report.status, report.error) == (StateMode.REAL, StateStatus.SUCCEEDED, None)
    assert manifest.frontier.dead == 0


@pytest.mark.parametrize("city", ["edinburgh", "tokyo"])
def test_the_bars_are_reached_by_the_truth(found: Callable[[str], Found], city: str) -> None:
    result = found(city)
    measured = result.measured
    assert measured.found >= 4000
    assert measured.duplicate_rate is not None
    assert measured.duplicate_rate <= 0.03
    assert measured.within_50m is not None
    assert measured.within_50m >= 0.98
    assert measured.precision is not None
    assert measured.precision >= 0.95
    # What a run says of itself without a truth has to be no better than that.
    for bar in ("duplicate_rate", "within_50m"):
        assert result.manifest.bars[bar].met


@pytest.mark.parametrize("city", ["edinburgh", "tokyo"])
def test_a_fifth_of_the_places_has_a_niche_source(found: Callable[[str], Found], city: str) -> None:
    places = found(city).places
    niche = [place for place in places if set(place.sources) - LARGE_REGISTERS]
    assert len(niche) / len(places) >= 0.2


@pytest.mark.parametrize("city", CITIES)
def test_every_source_of_every_place_is_named_with_its_licence(found: Callable[[str], Found], city: str) -> None:
    result = found(city)
    assert result.credit["places"] == len(result.places)
    assert result.credit["unlicensed"] == 0
    named = {(licence["id"], licence["attribution"]) for licence in result.credit["licences"]}
    for place in result.places:
        own = {(licence.id, licence.attribution) for licence in place.licences}
        assert own
        assert own <= named
        for source in place.sources:
            assert any(re.search(NAMED_BY[source], attribution) for _, attribution in own), (place.name, source, own)
    assert all(attribution in result.credit["notice"] for _, attribution in named)


def test_places_of_tokyo_have_names_in_both_scripts(found: Callable[[str], Found], standin: StandIn) -> None:
    town = standin.app.world.places["tokyo"]
    truth = Truth(standin.app.sites, town)
    both = Counter[bool]()
    for place in found("tokyo").places:
        entity = truth.of(place)
        if entity is not None and in_both_scripts(entity.names.values()):
            both[in_both_scripts([place.name, *place.names.values()])] += 1
    assert both.total() > 3000
    assert both[True] / both.total() >= 0.9


def in_both_scripts(names: Any) -> bool:
    text = " ".join(names)
    return bool(JAPANESE.search(text) and LATIN.search(text))


def test_helsinki_has_the_named_places_of_its_extract_once(found: Callable[[str], Found]) -> None:
    result = found("helsinki")
    counted = Counter(
        member.partition(":")[2] for place in result.places for member in place.members if member.startswith("osm:")
    )
    by_hand = objects_by_hand(helsinki(), VISITABLE)
    assert len(by_hand) > 1000
    assert len(by_hand.keys() & counted.keys()) / len(by_hand) >= 0.95
    assert {key: number for key, number in counted.items() if number > 1} == {}
    assert len(counted) <= HELSINKI_OBJECTS
    assert result.measured.duplicate_rate is not None
    assert result.measured.duplicate_rate <= 0.03


VISITABLE = ("amenity", "shop", "tourism", "leisure", "historic")
"""The keys by which a map says that there is something to go to."""
