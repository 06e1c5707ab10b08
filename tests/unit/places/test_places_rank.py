"""Ranking and the map: tiers, factors, anchors, licences."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest

from lambdas.contracts.candidate import Candidate, Licence, Place
from lambdas.contracts.finalization import RankSettings, RankWeights
from lambdas.places.dedupe import dedupe
from lambdas.places.geo import Disc
from lambdas.places.geojson import write_collection
from lambdas.places.identity import identity
from lambdas.places.near import Near
from lambdas.places.rank import rank
from lambdas.places.validation import Rejection, validate
from tests.unit.places.sightings import AT, CENTER, sighting


def ranked(candidates: Sequence[Candidate], near: Sequence[Near] = (), **settings: Any) -> list[Place]:
    places = dedupe(candidates, city="", merged_at=AT).places
    return list(rank(places, CENTER, settings=RankSettings.parse(settings), near=near))


FAMOUS = sighting(
    "wikidata:Q1",
    "Castle Rock",
    category="historic",
    east=400,
    signals={"sitelinks": 60, "has_wikipedia": True},
    refs={"wikidata_id": "Q1"},
)
LOCAL = sighting("osm:node/2", "Little Museum", east=500, north=100, signals={"rating": 4.0, "reviews": 5})
CAFE = sighting("osm:node/3", "Cup", category="cafe", east=450)
FAR_CAFE = sighting("osm:node/4", "Far Cup", category="cafe", east=5_000)


def test_default_weights_sum_to_one():
    assert sum(RankWeights().model_dump().values()) == pytest.approx(1)


def test_sights_become_primaries_and_the_rest_secondaries():
    result = ranked([CAFE, LOCAL, FAMOUS, FAR_CAFE])
    assert [(place.name, place.tier, place.rank) for place in result] == [
        ("Castle Rock", "primary", 1),
        ("Little Museum", "primary", 2),
        ("Cup", "secondary", 3),
        ("Far Cup", "secondary", 4),
    ]
    assert all(place.score is not None and 0 <= place.score <= 1 for place in result)


def test_sights_beyond_the_limit_are_secondaries():
    result = ranked([CAFE, LOCAL, FAMOUS], max_primaries=1)
    assert [place.tier for place in result] == ["primary", "secondary", "secondary"]


def test_what_is_not_known_is_left_out_and_not_zero():
    unknown = sighting("osm:node/9", "Silent Stone", category="monument", east=400)
    breakdown = next(place for place in ranked([unknown, FAMOUS]) if place.name == "Silent Stone").score_breakdown
    assert breakdown is not None
    assert breakdown.popularity is None
    assert breakdown.geo_centrality == pytest.approx(1 / 1.4, rel=0.01)


def test_anchors_are_the_nearest_primaries_with_their_distances():
    cup = next(place for place in ranked([CAFE, LOCAL, FAMOUS, FAR_CAFE]) if place.name == "Cup")
    castle = next(place for place in ranked([FAMOUS]) if place.name == "Castle Rock")
    (nearest, distance), second = cup.anchors
    assert nearest == castle.place_id
    assert distance == pytest.approx(50, abs=0.5)
    assert second[1] > distance
    assert cup.score_breakdown is not None
    assert cup.score_breakdown.adjacency == cup.score
    far = next(place for place in ranked([CAFE, LOCAL, FAMOUS, FAR_CAFE]) if place.name == "Far Cup")
    assert far.anchors == ()


def test_weights_are_the_stacks():
    near_center = sighting("osm:node/7", "Plain Stone", category="monument", east=10)
    by_place = {"popularity": 0, "authority": 0, "geo_centrality": 1, "novelty": 0, "graph_context": 0}
    assert ranked([FAMOUS, near_center], relevance=1.0)[0].name == "Castle Rock"
    first = ranked([FAMOUS, near_center], relevance=1.0, weights=by_place)[0]
    assert first.name == "Plain Stone"
    assert first.score_breakdown is not None
    assert first.score == pytest.approx(first.score_breakdown.geo_centrality, abs=1e-6)


def test_a_place_of_which_no_factor_counts_scores_nothing():
    nothing = dict.fromkeys(("authority", "geo_centrality", "novelty", "graph_context"), 0.0)
    (place,) = ranked([sighting("osm:node/7", "Plain Stone", category="monument")], weights=nothing)
    assert place.score == 0


ROW = [
    sighting(f"wikidata:Q{n}", name, category="museum", east=10.0 * n, signals={"sitelinks": 90 - n})
    for n, name in enumerate(("Clock House", "Dyer Hall", "Weaver Rooms"), start=1)
]
APART = sighting("wikidata:Q9", "Green Hill", category="park", east=2_500, signals={"sitelinks": 60})


def test_variety_brings_forward_what_is_unlike_the_first():
    assert [place.name for place in ranked([*ROW, APART], relevance=1.0)][-1] == "Green Hill"
    varied = ranked([*ROW, APART])
    assert [place.name for place in varied][1] == "Green Hill"
    told = [place.score_breakdown.diversity for place in varied if place.score_breakdown]
    assert told[0] == 1
    assert told[2] is not None
    assert told[2] < 0.1, "beside the first, and of its category"


def test_equal_scores_stand_in_the_order_of_their_ids():
    equals = [sighting(f"osm:node/{n}", f"Stone {word}", category="monument") for n, word in enumerate("abcdef")]
    result = ranked(equals, relevance=1.0)
    assert len({place.score for place in result}) == 1
    assert [place.place_id for place in result] == sorted(place.place_id for place in result)
    assert ranked(list(reversed(equals)), relevance=1.0) == result


def test_near_edges_are_the_graph_that_a_place_stands_in():
    other = sighting("osm:node/8", "Lone Tower", category="tower", east=300)
    castle = next(place.place_id for place in ranked([FAMOUS]))
    edges: list[Near] = [(castle, "osm:node/2", 140.0), (castle, "osm:node/3", 50.0), (castle, "osm:node/404", 9.0)]
    of_name = {place.name: place.score_breakdown for place in ranked([FAMOUS, LOCAL, CAFE, other], edges)}
    context = {name: breakdown.graph_context for name, breakdown in of_name.items() if breakdown}
    assert context["Castle Rock"] == 1
    assert context["Little Museum"] == pytest.approx(0.5)
    crowd = {place.name: place.score_breakdown for place in ranked([FAMOUS, LOCAL, CAFE, other])}
    assert of_name["Lone Tower"] == crowd["Lone Tower"], "no search came upon it: the crowd around it counts"


def test_rank_of_nothing_is_nothing():
    assert ranked([]) == []


def test_map_names_whom_it_owes():
    places = ranked([CAFE, FAMOUS, sighting("web:1", "Nowhere Inn", category="hotel", lat=None, lng=None)])
    file = io.BytesIO()
    write_collection(places, file, city="Edinburgh")
    document = json.loads(file.getvalue())
    assert document["type"] == "FeatureCollection"
    assert document["attribution"] == ["(c) osm", "(c) web", "(c) wikidata"]
    castle = document["features"][0]
    assert castle["geometry"]["type"] == "Point"
    assert castle["geometry"]["coordinates"] == pytest.approx([CENTER.lng, CENTER.lat], abs=0.01)
    assert castle["properties"]["name"] == "Castle Rock"
    assert castle["properties"]["attribution"] == "(c) wikidata"
    assert (castle["properties"]["tier"], castle["properties"]["rank"]) == ("primary", 1)
    nowhere = next(feature for feature in document["features"] if feature["properties"]["name"] == "Nowhere Inn")
    assert nowhere["geometry"] is None


def test_a_map_has_the_same_bytes_in_every_process():
    licences = tuple(Licence(id="X", attribution="(c) x", max_age_days=days) for days in (None, 30, 1))
    (place,) = ranked([CAFE])
    file = io.BytesIO()
    write_collection([place.model_copy(update={"licences": licences})], file, city='the "old" town\u2028')
    document = json.loads(file.getvalue())
    assert document["name"] == 'the "old" town\u2028'
    assert document["licences"] == [licence.document() for licence in licences], "equals stand as they came"


def test_identity_is_one_for_two_sources_and_two_for_two_places():
    osm = sighting("osm:node/1", "St Ronan's Church", east=300)
    google = sighting("google:a", "Saint Ronans Church", east=308, north=-6)
    assert identity(osm) == identity(google)
    assert identity(osm) != identity(sighting("osm:node/2", "St Ronan's Hall", east=300))
    branch = sighting("osm:node/3", "St Ronan's Church", east=5_000)
    assert identity(osm)[1] != identity(branch)[1]
    nowhere = sighting("web:1", "St Ronan's Church", lat=None, lng=None)
    assert identity(nowhere)[0] == "-"


AREA = Disc(CENTER, 5_000)


def test_validation_takes_what_lies_inside():
    assert validate(CAFE, AREA) == CAFE


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (sighting("web:1", "A", lat=None, lng=None), Rejection.NO_POSITION),
        (sighting("web:1", "A", lat=0.0, lng=0.0), Rejection.NULL_ISLAND),
        (sighting("web:1", "A", east=5_100), Rejection.OUTSIDE),
        (sighting("web:1", "A", east=3, coordinates_confidence=0.3), Rejection.CITY_CENTER),
    ],
)
def test_validation_says_why_not(candidate: Candidate, reason: Rejection):
    assert validate(candidate, AREA) is reason


def test_validation_turns_exchanged_coordinates_round():
    swapped = CAFE.model_copy(update={"lat": CAFE.lng, "lng": CAFE.lat})
    valid = validate(swapped, AREA)
    assert isinstance(valid, Candidate)
    assert (valid.lat, valid.lng) == (CAFE.lat, CAFE.lng)
    assert valid.coordinates_confidence < CAFE.coordinates_confidence
