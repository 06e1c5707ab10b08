from __future__ import annotations

import pytest

from lambdas.places.names import Names, normalise, similarity


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("The Blue Fox", "blue fox"),
        ("Café Ångström", "cafe angstrom"),
        ("St. Giles' Church", "saint giles church"),
        ("12 High St.", "12 high street"),
        ("Fox & Hound", "fox and hound"),
        ("Smørrebrød Straße", "smorrebrod strasse"),
        ("ガラス美術館", "ガラス美術館"),
        ("ｶﾞﾗｽ美術館", "ガラス美術館"),
        ("The The", "the the"),
        ("!!!", ""),
    ],
)
def test_normal_form(written: str, normal: str):
    assert normalise(written) == normal


def test_the_city_in_a_name_is_left_out_unless_nothing_else_is_left():
    city = frozenset({"edinburgh"})
    assert normalise("Edinburgh Castle", city) == "castle"
    assert normalise("Edinburgh", city) == "edinburgh"


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("Museum of Bells", "Bells, Museum of", 1.0, 1.0),
        ("St Ronan's Church", "Saint Ronans Church", 1.0, 1.0),
        ("Alderbrae Museum", "Alderbrae Musuem", 0.85, 0.99),
        ("Blue Fox Cafe", "Red Lion Hotel", 0.0, 0.5),
    ],
)
def test_similarity(one: str, other: str, least: float, most: float):
    assert least <= similarity(Names.of([one]), Names.of([other])) <= most


def test_any_common_language_makes_two_records_alike():
    local = Names.of(["桜橋美術館", "Cherry Bridge Art Museum"])
    assert similarity(local, Names.of(["Cherry Bridge Art Museum"])) == 1.0
    assert similarity(local, Names.of(["桜橋美術舘"])) >= 0.75
    # Across scripts nothing can be said.
    assert similarity(Names.of(["桜橋美術館"]), Names.of(["Sakurabashi Bijutsukan"])) == 0.0


def test_numbers_are_kept_apart():
    assert Names.of(["Platform 9"]).numbers == {"9"}
    assert Names.of(["Platform"]).numbers == frozenset()
