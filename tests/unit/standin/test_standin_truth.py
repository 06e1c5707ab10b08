"""One truth behind all services: what is found in two of them is the same place, and a result can be measured by it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lambdas.contracts.candidate import Confidences, ExternalRefs, Lineage, Source
from lambdas.contracts.candidate import Place as FoundPlace
from lambdas.contracts.job import RunInput
from lambdas.mock.city import City
from lambdas.mock.world import World as MockWorld
from lambdas.places.geo import Disc, distance_m, offset
from scout.standin import truth
from scout.standin.server import StandIn
from scout.standin.towns import Town, golden_towns
from scout.standin.world import World
from tests.unit.connectors.extracts import helsinki
from tests.unit.standin.client import EDINBURGH, Client, new_world

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"


def job_of(town: Town) -> RunInput:
    document = json.loads((EXAMPLES / "input.edinburgh.json").read_text(encoding="utf-8"))
    center = {"lat": town.area.center.lat, "lng": town.area.center.lng}
    seed = {"type": "map", "center": center, "radius_km": town.area.radius_m / 1000}
    return RunInput.parse({**document, "city": town.name, "seed": seed})


def found(entity: Any, number: int, **changed: object) -> FoundPlace:
    """An entity as a place of a result."""
    record = f"osm:node/{number}"
    place = FoundPlace(
        place_id=f"p_{number:020x}",
        record_id=record,
        name=entity.names.get("en", entity.name),
        source=Source.OSM,
        lat=entity.at.lat,
        lng=entity.at.lng,
        coordinates_confidence=0.9,
        confidences=Confidences(overall=0.9),
        lineage=Lineage(created_at="2026-11-01T00:00:00.000Z", pipeline_version="1"),
        members=(record,),
        sources=(Source.OSM,),
    )
    return place.model_copy(update=changed)


def test_mock_and_stand_in_know_the_same_city():
    towns = {town.slug: town for town in golden_towns(EXAMPLES)}
    assert set(towns) == {"edinburgh", "helsinki", "london", "new-york", "tokyo"}
    for name in ("edinburgh", "tokyo"):
        job = RunInput.parse(json.loads((EXAMPLES / f"input.{name}.json").read_text(encoding="utf-8")))
        assert World([towns[name]]).places[name].city == MockWorld.of(job).city


def test_of_several_inputs_for_one_city_the_largest_counts():
    edinburgh = next(town for town in golden_towns(EXAMPLES) if town.slug == "edinburgh")
    assert edinburgh.area.radius_m == 10_000


def test_helsinki_speaks_of_real_places_and_of_some_that_no_map_knows():
    town = Town("Helsinki", Disc.of(60.1716, 24.9443, 1_200), helsinki())
    city = World([town]).places["helsinki"].city
    real = [entity for entity in city.entities if not entity.off_map]
    assert len(real) > 1_200
    assert sum(entity.wikidata_id is not None for entity in real) > 40
    assert any(entity.off_map for entity in city.entities)
    assert [entity.number for entity in city.entities] == list(range(len(city.entities)))
    assert "Ateneum" in {entity.name for entity in real}


def test_an_item_of_wikidata_is_the_same_place_on_the_map_and_in_the_wikis(client: Client):
    place = client.place("tokyo")
    entities = {entity.wikidata_id: entity for entity in place.city.entities if entity.wikidata_id}
    tagged = [item for item in place.map.objects if "wikidata" in item.tags]
    assert len(tagged) > 50
    for item in tagged:
        entity = entities[item.tags["wikidata"]]
        assert item.entity == entity
        assert distance_m(item.at, entity.at) < 130
    articles = client.standin.app.sites.world
    assert articles is client.world
    titles = client.get(
        "/wikipedia/w/api.php", action="query", format="json", formatversion=2, list="geosearch",
        gscoord="35.6762|139.6503", gsradius=9_000, gslimit=50,
    ).json()["query"]["geosearch"]  # fmt: skip
    pages = client.get(
        "/wikipedia/w/api.php", action="query", format="json", formatversion=2, prop="pageprops",
        titles="|".join(page["title"] for page in titles),
    ).json()["query"]["pages"]  # fmt: skip
    by_title = {page["title"]: page for page in titles}
    for page in pages:
        about = entities.get(page["pageprops"]["wikibase_item"])
        if about is not None:
            at = by_title[page["title"]]
            assert page["title"].startswith(about.names["en"])
            assert distance_m((at["lat"], at["lon"]), about.at) < 150


def test_a_phone_number_belongs_to_one_place_in_all_services(client: Client):
    place = client.place("edinburgh")
    known = {entity.phone: entity for entity in place.city.entities if entity.phone}
    for item in place.map.objects:
        if "phone" in item.tags:
            assert known[item.tags["phone"]] == item.entity
    for sighting in place.overture.sightings:
        if sighting.has_facts and sighting.entity and sighting.entity.phone:
            assert known[sighting.entity.phone] == sighting.entity


def test_services_differ_as_they_do_in_life(client: Client):
    place = client.place("edinburgh")
    on_map = {item.entity.number for item in place.map.objects if item.entity}
    in_overture = {sighting.entity.number for sighting in place.overture.sightings if sighting.entity}
    both = on_map & in_overture
    assert 0.4 < len(both) / len(on_map) < 0.95
    assert on_map - in_overture
    assert in_overture - on_map
    names = {sighting.entity.number: sighting.name for sighting in place.overture.sightings if sighting.entity}
    differing = sum(
        item.name != names[item.entity.number]
        for item in place.map.objects
        if item.entity and item.entity.number in both
    )
    assert differing > 0.03 * len(both)
    unknown = {entity.number for entity in place.city.entities if entity.off_map}
    mentioned = {m.entity.number for _, m in client.standin.app.sites.of(place).mentions() if m.entity}
    assert unknown <= mentioned, "what no map knows stands on a page"
    assert not unknown & (on_map | in_overture)


def test_a_perfect_result_measures_as_one(client: Client):
    place = client.place("edinburgh")
    places = [found(entity, number) for number, entity in enumerate(place.city.entities)]
    measured = truth.measure(client.standin.app.sites, job_of(EDINBURGH), places)
    # Branches of a chain can stand within reach of each other under one name.
    assert measured.recall is not None
    assert measured.recall > 0.995
    assert measured.precision == 1
    assert measured.within_50m is not None
    assert measured.within_50m > 0.99
    assert measured.median_m == 0
    assert measured.unknown_to_maps == sum(entity.off_map for entity in place.city.entities)


def test_duplicates_inventions_and_errors_are_seen(client: Client):
    place = client.place("edinburgh")
    sites = client.standin.app.sites
    keys = {item.entity.number: item for item in place.map.objects if item.entity}
    chosen = [entity for entity in place.city.entities if entity.number in keys][:100]

    def by_id(entity: Any, number: int, **changed: object) -> FoundPlace:
        item = keys[entity.number]
        refs = ExternalRefs.model_validate({"osm_type": item.kind, "osm_id": str(item.ref)})
        return found(entity, number, external_refs=refs, members=(f"osm:{item.key}",), **changed)

    right = [by_id(entity, number) for number, entity in enumerate(chosen)]
    twice = [by_id(entity, 1_000 + number, name="Another name") for number, entity in enumerate(chosen[:10])]
    far = offset(chosen[0].at, 70, 0)
    moved = [by_id(chosen[0], 2_000, lat=far.lat, lng=far.lng)]
    invented = [found(replace(chosen[0], names={"en": f"Nobody's Palace {n}"}), 3_000 + n) for n in range(20)]
    measured = truth.measure(sites, job_of(EDINBURGH), [*right, *twice, *moved, *invented])
    assert measured.found == 100
    assert measured.duplicate_rate == pytest.approx(11 / 131, abs=1e-6)
    assert measured.precision == pytest.approx(111 / 131, abs=1e-6)
    assert measured.within_50m == pytest.approx(110 / 111, abs=1e-6)


def test_what_every_service_calls_a_place_leads_to_it(client: Client):
    from scout.standin.location import place_id
    from scout.standin.overture import feature_id

    place = client.place("tokyo")
    known = truth.Truth(client.standin.app.sites, place)
    for sighting in place.overture.sightings[:200]:
        assert known.by_id(feature_id(place, sighting)) == sighting.entity
    for sighting in place.commercial.sightings[:200]:
        assert known.by_id(place_id(sighting)) == sighting.entity
    for item in place.map.objects[:200]:
        assert known.by_id(item.key) == item.entity
    (url, mention) = next(pair for pair in client.standin.app.sites.of(place).mentions() if pair[1].entity)
    read = found(mention.entity, 1, name=mention.name, source_url=url, lat=None, lng=None, members=("web:x",))
    assert known.of(read) == mention.entity


def test_a_run_can_be_measured_over_http(client: Client):
    places = [found(entity, number) for number, entity in enumerate(client.place("edinburgh").city.entities[:50])]
    body: dict[str, Any] = {"job": job_of(EDINBURGH).document(), "places": [place.document() for place in places]}
    answer = client.post("/_standin/measure", body)
    assert answer.status == 200, answer.text
    assert answer.json()["places"] == 50
    other = {**body, "job": {**body["job"], "city": "Atlantis"}}
    refused = client.post("/_standin/measure", other)
    assert refused.status == 400
    assert "Atlantis is not in this world" in refused.json()["problems"][0]


def digest(seed: str) -> str:
    """All that a small world says to some questions, in a few letters."""
    town = Town("Edinburgh", Disc.of(55.9533, -3.1883, 500))
    with StandIn(World([town, Town("Tokyo", Disc.of(35.6762, 139.6503, 500))], seed)) as standin:
        client = Client(standin)
        said = hashlib.sha256()
        for path, query in (
            (
                "/overpass/api/interpreter",
                {"data": "[out:json];nwr[name](around:900,55.9533,-3.1883);out center tags;"},
            ),
            ("/nominatim/search", {"q": "Tokyo", "polygon_geojson": "1"}),
            ("/wikivoyage/w/api.php", {"action": "parse", "page": "Edinburgh", "format": "json"}),
            (
                "/wikipedia/w/api.php",
                {"action": "query", "list": "geosearch", "gscoord": "35.6762|139.6503", "format": "json"},
            ),
            ("/dns-query", {"name": "visit-tokyo.example"}),
        ):
            said.update(client.get(path, **query).body)
        for host in ("visit-tokyo.example", "edinburgh-locals.example"):
            said.update(client.page(f"http://{host}/").data)
        said.update(client.post("/tavily/search", {"query": "Tokyo bars"}, Authorization="Bearer tvly-x").body)
        for url in sorted(standin.app.sites.of(client.place("tokyo")).pages)[:5]:
            said.update(client.page(url).data)
    return said.hexdigest()


def test_the_same_seed_says_the_same_in_every_process_and_another_does_not():
    def elsewhere(seed: str, hashing: str) -> str:
        return subprocess.run(
            [
                sys.executable,
                "-c",
                f"from tests.unit.standin.test_standin_truth import digest; print(digest({seed!r}))",
            ],
            env={**os.environ, "PYTHONHASHSEED": hashing, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert digest("1") == elsewhere("1", "1") == elsewhere("1", "2")
    assert digest("2") != digest("1")


def test_many_threads_make_a_town_once():
    from concurrent.futures import ThreadPoolExecutor

    place = new_world().places["tokyo"]
    with ThreadPoolExecutor(8) as threads:
        maps = list(threads.map(lambda _: id(place.map), range(16)))
    assert len(set(maps)) == 1
    assert isinstance(place.city, City)
