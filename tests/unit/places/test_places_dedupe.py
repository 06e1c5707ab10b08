"""Deduplication: what is one place, what is not, and what becomes of the facts."""

from __future__ import annotations

import random
import re

import pytest

from lambdas.contracts.candidate import Candidate, Place
from lambdas.places.dedupe import dedupe
from lambdas.places.geo import distance_m
from tests.unit.places.sightings import AT, CENTER, sighting

MERGED_AT = "2026-01-02T00:00:00.000Z"


def places_of(*candidates: Candidate) -> list[Place]:
    return list(dedupe(candidates, city="Edinburgh", merged_at=MERGED_AT).places)


def groups_of(*candidates: Candidate) -> set[tuple[str, ...]]:
    return {place.members for place in places_of(*candidates)}


ONE_PLACE = {
    "same name, some metres apart": (
        sighting("osm:node/1", "Alderbrae Museum"),
        sighting("google:a", "Alderbrae Museum", east=25),
    ),
    "another spelling": (
        sighting("osm:node/1", "St Ronan's Church", category="religious"),
        sighting("google:a", "Saint Ronans Church", north=40, category="religious"),
    ),
    "a typo": (sighting("osm:node/1", "Alderbrae Museum"), sighting("otm:N1", "Alderbrae Musem", east=10)),
    "the city in the name": (
        sighting("osm:node/1", "Edinburgh Print Museum"),
        sighting("web:1", "Print Museum", east=30),
    ),
    "a name within a name, same category": (
        sighting("osm:node/1", "Fox", category="bar"),
        sighting("google:a", "Fox Tavern", east=10, category="bar"),
    ),
    "same register, another language": (
        sighting("osm:node/1", "桜橋美術館", refs={"wikidata_id": "Q9"}),
        sighting("wikidata:Q9", "Sakurabashi Bijutsukan", east=70, refs={"wikidata_id": "Q9"}),
    ),
    "a common language": (
        sighting("osm:node/1", "桜橋美術館", names={"en": "Cherry Bridge Museum"}),
        sighting("web:1", "Cherry Bridge Museum", east=20),
    ),
    "a rare name with a rough position": (
        sighting("osm:way/1", "Gowanlaw Park", category="park"),
        sighting("web:1", "Gowanlaw Park", east=300, category="park"),
    ),
    "the same phone, a longer name": (
        sighting("osm:node/1", "Gowanlaw Cycle Shop", category="shop", phone="+44 131 555 0101"),
        sighting("google:a", "Gowanlaw Cycles", category="shop", east=15, phone="0131 5550101"),
    ),
    "a node and an outline of one source": (
        sighting("osm:node/1", "Gowanlaw Library", category="library"),
        sighting("osm:way/2", "Gowanlaw Library", category="library", east=12),
    ),
}
DIFFERENT_PLACES = {
    "neighbours with other names": (
        sighting("osm:node/1", "Blue Fox", category="bar"),
        sighting("google:a", "Red Lion", category="bar", east=5),
    ),
    "a shop inside a museum": (
        sighting("osm:node/1", "Alderbrae Museum"),
        sighting("google:a", "Alderbrae Museum Gift Shop", category="shop", east=5),
    ),
    "branches of a chain": (
        sighting("osm:node/1", "Daily Crumb", category="cafe"),
        sighting("osm:node/2", "Daily Crumb", category="cafe", east=250),
    ),
    "branches of a chain, seen by two sources": (
        sighting("osm:node/1", "Daily Crumb", category="cafe"),
        sighting("osm:node/2", "Daily Crumb", category="cafe", east=400),
        sighting("google:a", "Daily Crumb", category="cafe", east=800),
    ),
    "numbered things": (
        sighting("osm:node/1", "Platform 1", category="transport"),
        sighting("google:a", "Platform 2", category="transport", east=8),
    ),
    "numbered things with a long name, at one spot": (
        sighting("osm:node/1", "Alderbrae Conference Centre Hall 1", category="entertainment"),
        sighting("google:a", "Alderbrae Conference Centre Hall 2", category="entertainment"),
    ),
    "two items in Wikidata": (
        sighting("osm:node/1", "Alderbrae Museum", refs={"wikidata_id": "Q1"}),
        sighting("wikidata:Q2", "Alderbrae Museum", east=20, refs={"wikidata_id": "Q2"}),
    ),
    "two phone numbers": (
        sighting("osm:node/1", "Alder Grill", category="restaurant", phone="+44 131 5550101"),
        sighting("google:a", "Alder Grill", category="restaurant", east=90, phone="+44 131 5550202"),
    ),
    "the same name far off": (
        sighting("osm:node/1", "Gowanlaw Park", category="park"),
        sighting("web:1", "Gowanlaw Park", east=2_000, category="park"),
    ),
}


@pytest.mark.parametrize("candidates", ONE_PLACE.values(), ids=ONE_PLACE)
def test_sightings_of_one_place_are_merged(candidates: tuple[Candidate, ...]):
    assert len(groups_of(*candidates)) == 1


@pytest.mark.parametrize("candidates", DIFFERENT_PLACES.values(), ids=DIFFERENT_PLACES)
def test_different_places_stay_apart(candidates: tuple[Candidate, ...]):
    assert len(groups_of(*candidates)) == len(candidates)


def test_a_go_between_does_not_join_what_contradicts():
    first = sighting("osm:node/1", "Alder Bar", category="bar", refs={"wikidata_id": "Q1"})
    between = sighting("web:1", "Alder Bar", category="bar", east=20)
    second = sighting("google:a", "Alder Bar", category="bar", east=40, refs={"wikidata_id": "Q2"})
    found = groups_of(first, between, second)
    assert len(found) == 2
    assert not any({"osm:node/1", "google:a"} <= set(members) for members in found)


def test_a_cluster_does_not_creep_along_a_street():
    row = [sighting(f"web:{n}", "Long Market", category="market", east=100.0 * n) for n in range(12)]
    places = places_of(*row)
    by_record = {candidate.record_id: candidate for candidate in row}
    for place in places:
        members = [by_record[member] for member in place.members]
        spans = [distance_m((a.lat or 0, a.lng or 0), (b.lat or 0, b.lng or 0)) for a in members for b in members]
        assert max(spans) <= 600.001


def test_facts_are_united_and_the_most_trusted_leads():
    place = places_of(
        sighting("web:1", "Alderbrae Musem", east=30, coordinates_confidence=0.5, names={"gd": "Taigh-tasgaidh"}),
        sighting(
            "google:a",
            "Alderbrae Museum",
            east=10,
            signals={"rating": 4.5, "reviews": 80},
            refs={"google_place_id": "a"},
            phone="+44 131 5550101",
        ),
        sighting(
            "osm:node/1",
            "Alderbrae Museum",
            coordinates_confidence=0.97,
            refs={"osm_type": "node", "osm_id": "1", "wikidata_id": "Q1"},
        ),
    )[0]
    assert place.record_id == "osm:node/1"
    assert place.name == "Alderbrae Museum"
    assert place.members == ("google:a", "osm:node/1", "web:1")
    assert (place.lat, place.lng) == pytest.approx(CENTER, abs=1e-6)
    assert place.names == {"gd": "Taigh-tasgaidh"}
    assert place.external_refs.document() == {
        "google_place_id": "a",
        "osm_type": "node",
        "osm_id": "1",
        "wikidata_id": "Q1",
    }
    assert place.additional_content.phone == "+44 131 5550101"
    signals = place.additional_content.signals
    assert signals is not None
    assert (signals.rating, signals.reviews) == (4.5, 80)
    assert {licence.id for licence in place.licences} == {"osm-terms", "google-terms", "web-terms"}
    assert 0.8 < place.confidences.overall < 1


def test_every_merge_can_be_undone_from_the_lineage():
    place = places_of(*ONE_PLACE["same name, some metres apart"])[0]
    (merge,) = place.lineage.merge_history
    assert merge.merged_from_id == "google:a"
    assert merge.merged_at == MERGED_AT
    assert re.fullmatch(r"names 1\.00 alike, 25 m apart: (1\.00|0\.9\d) likely", merge.reason)
    assert place.lineage.created_at == AT
    assert place.lineage.updated_at == MERGED_AT


def test_result_does_not_depend_on_the_order_of_the_candidates():
    candidates = [candidate for group in (*ONE_PLACE.values(), *DIFFERENT_PLACES.values()) for candidate in group]
    # Each group in its own corner of the city, under its own record ids.
    apart = [
        candidate.model_copy(
            update={"record_id": f"{candidate.record_id}-{n // 2}", "lat": (candidate.lat or 0) + 0.05 * (n // 2)}
        )
        for n, candidate in enumerate(candidates)
    ]
    expected = places_of(*apart)
    for seed in range(5):
        shuffled = random.Random(seed).sample(apart, len(apart))  # noqa: S311 - a shuffle
        assert places_of(*shuffled) == expected


def test_place_ids_stay_when_another_source_joins():
    osm = sighting("osm:node/1", "Alderbrae Museum")
    alone = places_of(osm)[0]
    joined = places_of(osm, sighting("google:a", "Alderbrae Museum", east=5))[0]
    assert alone.place_id == joined.place_id


def test_the_same_record_counts_once_and_its_richer_form_is_kept():
    poor = sighting("osm:node/1", "Alderbrae Museum", category=None)
    rich = sighting("osm:node/1", "Alderbrae Museum", phone="+44 131 5550101")
    result = dedupe([poor, rich, poor], city="Edinburgh", merged_at=MERGED_AT)
    assert result.sightings == 1
    assert result.merged == 0
    assert result.places[0].additional_content.phone == "+44 131 5550101"


def test_a_candidate_without_a_position_joins_by_its_rare_name_only():
    located = sighting("osm:node/1", "Alderbrae Museum")
    nowhere = sighting("web:1", "Alderbrae Museum", lat=None, lng=None)
    stranger = sighting("web:2", "Unheard of", lat=None, lng=None)
    assert groups_of(located, nowhere, stranger) == {("osm:node/1", "web:1"), ("web:2",)}


def test_nothing_makes_nothing():
    assert places_of() == []
