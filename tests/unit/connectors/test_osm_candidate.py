"""From map objects to candidates: on the real extract, and the corners by hand."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from lambdas.connectors.osm_candidate import LICENCE, names, to_candidate
from lambdas.connectors.osm_categories import CATEGORIES, category
from lambdas.connectors.osm_object import PLACE_KEYS, OsmObject
from lambdas.connectors.osm_reader import read_extract
from lambdas.contracts.candidate import Address, Candidate, Lineage, Source
from tests.unit.connectors.extracts import HELSINKI_OBJECTS, helsinki

LINEAGE = Lineage(created_at="2026-01-01T00:00:00.000Z", pipeline_version="test")


@pytest.fixture(scope="module")
def candidates() -> dict[str, Candidate]:
    found = [to_candidate(item, LINEAGE) for item in read_extract(helsinki()).objects]
    by_id = {candidate.record_id: candidate for candidate in found}
    assert len(by_id) == len(found) == HELSINKI_OBJECTS
    return by_id


def place(**tags: str) -> Candidate:
    return to_candidate(OsmObject("node", 5, 60.0, 24.0, {"name": "A", **tags}), LINEAGE)


def test_each_carries_its_identity_licence_and_attribution(candidates):
    for record_id, candidate in candidates.items():
        refs = candidate.external_refs
        assert record_id == f"osm:{refs.osm_type}/{refs.osm_id}"
        assert candidate.source_url == f"https://www.openstreetmap.org/{refs.osm_type}/{refs.osm_id}"
        assert candidate.source is Source.OSM
        assert candidate.licences == (LICENCE,)
        assert candidate.names["local"] == candidate.name
    assert (LICENCE.id, LICENCE.attribution, LICENCE.share_alike) == (
        "ODbL-1.0",
        "© OpenStreetMap contributors",
        True,
    )


def test_candidates_survive_json(candidates):
    for candidate in candidates.values():
        assert Candidate.parse(candidate.document()) == candidate


def test_names_in_all_languages(candidates):
    languages = Counter(label for candidate in candidates.values() for label in candidate.names)
    # As many as the file has tags name:en and so on.
    assert {label: languages[label] for label in ("local", "fi", "sv", "en", "ru", "zh", "ko", "ja", "nn")} == {
        "local": HELSINKI_OBJECTS,
        "sv": 159,
        "fi": 143,
        "en": 135,
        "ru": 19,
        "zh": 8,
        "ko": 2,
        "ja": 1,
        "nn": 6,
    }
    assert languages["alt"] == 28
    hall = candidates["osm:way/24337154"]
    assert (hall.names["fi"], hall.names["sv"]) == ("Helsingin kaupungintalo", "Stadshuset")


def test_references_to_other_registers(candidates):
    with_wikidata = [c for c in candidates.values() if c.external_refs.wikidata_id]
    assert len(with_wikidata) == 75
    links = [c.external_refs.wikipedia_url for c in candidates.values() if c.external_refs.wikipedia_url]
    assert len(links) == 60
    assert all(re.fullmatch(r"https://[a-z-]+\.wikipedia\.org/wiki/[^\s ]+", link) for link in links)
    assert "https://fi.wikipedia.org/wiki/Havis_Amanda" in links


def test_most_have_a_category_of_the_table(candidates):
    kinds = Counter(candidate.category for candidate in candidates.values())
    assert None not in kinds
    assert kinds["restaurant"] > 200
    assert kinds["museum"] == 6
    assert len(kinds) >= 20
    for candidate in candidates.values():
        assert category(candidate.additional_content.tags)[0] == candidate.category


def test_a_cut_object_is_less_sure_of_its_place(candidates):
    assert candidates["osm:way/58023634"].name == "Musiikkitalo"
    assert candidates["osm:way/58023634"].coordinates_confidence == 0.5
    assert candidates["osm:relation/6627217"].coordinates_confidence == 0.85


def test_the_table_covers_the_keys_that_are_read():
    assert set(CATEGORIES) == set(PLACE_KEYS)
    assert all("*" in values for values in CATEGORIES.values())


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"tourism": "museum", "historic": "castle"}, ("museum", True)),
        ({"tourism": "attraction", "historic": "castle"}, ("historic", True)),
        ({"tourism": "attraction"}, ("attraction", False)),
        ({"amenity": "nightclub;restaurant"}, ("nightlife", True)),
        ({"shop": "deli; mall"}, ("mall", True)),
        ({"shop": "anime"}, ("shop", False)),
        ({"historic": "yes", "amenity": "theatre"}, ("theatre", True)),
        ({"man_made": "mast", "natural": "oddity"}, ("nature", False)),
        ({"highway": "residential"}, (None, False)),
    ],
)
def test_categories(tags, expected):
    assert category(tags) == expected


def test_names_of_every_kind():
    assert names(
        {
            "name": " Kauppatori ",
            "name:sv": "Salutorget",
            "name:zh-Hant": "集市廣場",
            "name:be-tarask": "Рынак",
            "name:etymology:wikidata": "Q1",
            "name:left": "L",
            "name:en": " ",
            "alt_name": "Tori; Kolera-allas ;",
            "alt_name:sv": "Torget",
            "official_name": "Kauppatori, Helsinki",
            "short_name": "KT",
            "old_name": "Another",
        }
    ) == {
        "local": "Kauppatori",
        "sv": "Salutorget",
        "zh-Hant": "集市廣場",
        "be-tarask": "Рынак",
        "alt": "Tori",
        "alt.2": "Kolera-allas",
        "alt-sv": "Torget",
        "official": "Kauppatori, Helsinki",
        "short": "KT",
    }


@pytest.mark.parametrize(
    ("value", "expected"), [("Q42", "Q42"), (" Q42 ", "Q42"), ("Q42;Q43", None), ("q42", None), ("Q", None), ("", None)]
)
def test_wikidata_only_if_it_is_an_id(value, expected):
    assert place(wikidata=value).external_refs.wikidata_id == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"wikipedia": "fi:Kolmen sepän patsas"}, "https://fi.wikipedia.org/wiki/Kolmen_sep%C3%A4n_patsas"),
        ({"wikipedia:en": "Helsinki"}, "https://en.wikipedia.org/wiki/Helsinki"),
        ({"wikipedia": "https://sv.wikipedia.org/wiki/Esbo"}, "https://sv.wikipedia.org/wiki/Esbo"),
        ({"wikipedia": "Helsinki"}, None),
        ({}, None),
    ],
)
def test_wikipedia(tags, expected):
    candidate = place(**tags)
    assert candidate.external_refs.wikipedia_url == expected
    assert (candidate.additional_content.signals is not None) == (expected is not None)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"website": "https://a.fi/", "url": "http://b.fi"}, "https://a.fi/"),
        ({"contact:website": "www.a.fi/menu"}, "http://www.a.fi/menu"),
        ({"website": "http://a.fi;http://b.fi"}, "http://a.fi"),
        ({"website": "ask inside"}, None),
        ({"website": "javascript:alert(1)"}, None),
    ],
)
def test_website(tags, expected):
    assert place(**tags).additional_content.website == expected


def test_phone_and_address():
    candidate = place(
        **{
            "contact:phone": "+358 9 1234; +358 9 5678",
            "addr:street": "Aleksanterinkatu",
            "addr:housenumber": "52",
            "addr:postcode": "00100",
            "addr:city": "Helsinki",
            "addr:country": "FI",
        }
    )
    assert candidate.additional_content.phone == "+358 9 1234"
    assert candidate.address == Address(
        formatted_address="Aleksanterinkatu 52, 00100 Helsinki, FI",
        street_number="52",
        street_name="Aleksanterinkatu",
        city="Helsinki",
        country="FI",
        postal_code="00100",
    )
    assert place().address is None
