"""The synthetic truth and what the sources see of it: the same everywhere, like a city, and imperfect as in life."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from lambdas.contracts.base import slug
from lambdas.contracts.connectors import Connector
from lambdas.mock.city import MAX_PLACES, City
from lambdas.mock.register import GOOGLE, OSM, OTM, WIKIDATA, Profile, Register
from lambdas.mock.stream import Lottery, Stream
from lambdas.mock.world import NEARBY_CAP, World
from lambdas.places.cells import cell_at
from lambdas.places.geo import Disc, distance_m
from tests.growth import LINEAR, growth
from tests.unit.mock.digest import digest_of
from tests.unit.mock.simulation import example

EDINBURGH = City.build("Edinburgh", Disc.of(55.9533, -3.1883, 10_000))
TOKYO = City.build("Tokyo", Disc.of(35.6762, 139.6503, 3_000))
ROOT = Path(__file__).resolve().parents[3]


def test_streams_are_the_same_in_every_version_of_python():
    stream = Stream("edinburgh", 1)
    assert [round(stream.random(), 6) for _ in range(3)] == [0.882699, 0.685148, 0.3825]
    assert Stream("a", "b").random() == Stream("a", "b").random() != Stream("b", "a").random()


def test_streams_draw_as_they_say():
    stream = Stream("draws")
    numbers = [stream.gauss(10) for _ in range(4_000)]
    assert abs(sum(numbers) / len(numbers)) < 1
    assert math.sqrt(sum(number**2 for number in numbers) / len(numbers)) == pytest.approx(10, rel=0.05)
    assert {stream.whole(1, 3) for _ in range(100)} == {1, 2, 3}
    assert sorted(stream.sample("abc", 5)) == ["a", "b", "c"]
    lottery = Lottery([("often", 9.0), ("seldom", 1.0)])
    drawn = Counter(lottery.draw(stream) for _ in range(2_000))
    assert drawn["often"] / drawn["seldom"] == pytest.approx(9, rel=0.3)


def test_a_world_is_the_same_in_every_process():
    digests = {
        subprocess.run(
            [sys.executable, "-m", "tests.unit.mock.digest"],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_another_seed_radius_or_name_makes_another_city():
    area = Disc.of(55.9533, -3.1883, 500)
    cities = [
        City.build("Edinburgh", area),
        City.build("Edinburgh", area, "2"),
        City.build("Leith", area),
        City.build("Edinburgh", Disc(area.center, 501)),
    ]
    assert len({digest_of(city) for city in cities}) == len(cities)
    assert digest_of(City.build("Edinburgh", area)) == digest_of(cities[0])


def test_edinburgh_has_its_places_inside_the_disc_and_in_clusters():
    places = EDINBURGH.entities
    assert len(places) >= 4_000
    assert all(EDINBURGH.area.contains(place.at) for place in places)
    # Cells of 0.1 square kilometres: most are empty, and the densest tenth of the others holds a large part.
    cells = sorted(Counter(cell_at(place.at, 9) for place in places).values(), reverse=True)
    assert len(cells) < 0.5 * math.pi * 10**2 / 0.105
    assert sum(cells[: len(cells) // 10]) > 0.3 * len(places)
    inner = sum(distance_m(place.at, EDINBURGH.area.center) < 2_000 for place in places)
    assert inner / len(places) > 3 * (2 / 10) ** 2


def test_a_city_takes_time_by_its_area():
    def area(square_km: int) -> Disc:
        return Disc.of(55.9533, -3.1883, 1_000 * math.sqrt(square_km / math.pi))

    assert growth(lambda disc: City.build("Edinburgh", disc, "speed"), area, 314) < LINEAR


@pytest.mark.parametrize(
    ("name", "lat", "lng", "radius_m"),
    [
        ("Longyearbyen", 78.22, 15.65, 4_000),
        ("South Pole", -90.0, 0.0, 2_000),
        ("Taveuni", -16.85, 180.0, 5_000),
        ("Quito", 0.0, -78.5, 50_000),
        ("Hamlet", 47.0, 11.0, 30),
    ],
)
def test_any_city_anywhere_has_places_pages_and_records(name: str, lat: float, lng: float, radius_m: float):
    world = World(City.build(name, Disc.of(lat, lng, radius_m)))
    assert 20 <= len(world.city.entities) <= MAX_PLACES
    assert all(world.city.area.contains(place.at) for place in world.city.entities)
    assert world.web.pages
    assert world.osm.near(world.city.area, 10)


def test_big_cities_are_denser():
    sizes = {name: len(World.of(example(name)).city.entities) for name in ("edinburgh", "london", "tokyo", "new-york")}
    assert sizes["edinburgh"] == 5_600
    assert min(sizes["london"], sizes["tokyo"], sizes["new-york"]) > sizes["edinburgh"]
    assert max(sizes.values()) <= MAX_PLACES


def test_names_are_as_in_the_country():
    assert all("ja" in place.names and not place.name.isascii() for place in TOKYO.entities if len(place.names) > 1)
    assert sum(len(place.names) == 3 for place in TOKYO.entities) > 0.9 * len(TOKYO.entities)
    assert all(place.name == place.names["en"] for place in EDINBURGH.entities)


def test_chains_repeat_and_other_names_mostly_do_not():
    names = Counter(place.name for place in EDINBURGH.entities)
    assert 5 <= sum(count > 5 for count in names.values()) <= 40
    assert sum(count == 1 for count in names.values()) > 0.5 * len(EDINBURGH.entities)


def test_places_inside_others_lie_beside_them():
    inner = [place for place in EDINBURGH.entities if place.part_of is not None]
    assert len(inner) > 50
    for place in inner:
        whole = EDINBURGH.entities[place.part_of or 0]
        assert place.name.startswith(whole.name)
        assert distance_m(place.at, whole.at) < 60


@pytest.mark.parametrize(("profile", "low", "high"), [(OSM, 0.6, 0.9), (GOOGLE, 0.4, 0.7), (OTM, 0.05, 0.4)])
def test_each_source_sees_a_part_with_errors(profile: Profile, low: float, high: float):
    register = Register(EDINBURGH, profile)
    true = [sighting for sighting in register.sightings if sighting.entity]
    entities = Counter(sighting.entity.number for sighting in true if sighting.entity)
    assert low < len(entities) / len(EDINBURGH.entities) < high
    assert len({sighting.id for sighting in register.sightings}) == len(register.sightings)
    assert 0 < len(register.sightings) - len(true) < 0.03 * len(true)
    assert 0 < sum(count > 1 for count in entities.values()) < 0.05 * len(entities)
    altered = sum(sighting.name != sighting.entity.name for sighting in true if sighting.entity)
    assert 0.02 < altered / len(true) < 0.25
    errors = sorted(distance_m(sighting.at, sighting.entity.at) for sighting in true if sighting.entity)
    assert 1 < errors[len(errors) // 2] < 20
    assert errors[-1] > 40
    assert sum(error <= 50 for error in errors) / len(errors) > 0.97


def test_sources_do_not_see_the_same_part():
    seen = [
        {sighting.entity.number for sighting in Register(EDINBURGH, profile).sightings if sighting.entity}
        for profile in (OSM, GOOGLE)
    ]
    assert len(seen[1] - seen[0]) > 300
    off_map = {place.number for place in EDINBURGH.entities if place.off_map}
    assert len(off_map) > 200
    assert not off_map & (seen[0] | seen[1])


def test_wikidata_knows_only_what_is_known():
    for sighting in Register(EDINBURGH, WIKIDATA).sightings:
        assert sighting.entity is not None
        assert sighting.id == sighting.entity.wikidata_id


def test_records_tell_nothing_of_the_truth():
    documents = [sighting.document() for sighting in Register(TOKYO, OSM).sightings]
    fields = {key for document in documents for key in document}
    assert fields <= {
        "id", "name", "names", "category", "lat", "lng", "street", "house", "phone", "website", "wikidata", "wikipedia",
    }  # fmt: skip
    assert any(not document["name"].isascii() for document in documents)


def test_searches_by_position_are_capped_and_ranked():
    world = World.of(example("edinburgh"))
    answer = world.around(Connector.GOOGLE_NEARBY, Disc(world.city.area.center, 2_000))
    assert len(answer["results"]) == NEARBY_CAP
    distances = [distance_m(world.city.area.center, (record["lat"], record["lng"])) for record in answer["results"]]
    assert distances == sorted(distances)
    assert answer["farthest_m"] == pytest.approx(distances[-1], abs=0.01)
    assert all(0 <= record["rating"] <= 5 and record["reviews"] >= 0 for record in answer["results"])
    parks = world.around(Connector.OTM, world.city.area, ("park",))["results"]
    assert {record["category"] for record in parks} == {"park"}
    assert world.around(Connector.OVERPASS, Disc.of(0, 0, 1_000)) == {"results": [], "farthest_m": None}


def test_the_geocoder_knows_names_on_their_streets_and_nothing_else():
    world = World(TOKYO)
    known = next(sighting for sighting in world.osm.sightings if sighting.entity and "en" in sighting.names)
    found = world.geocode(known.names["en"], known.street)["results"]
    assert [record["id"] for record in found] == [known.id]
    assert world.geocode("Quite Unheard Of", None) == {"results": []}
    assert slug(world.city.name) == "tokyo"
