"""How good deduplication is where the truth is known: no change may make it worse than this."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from lambdas.contracts.candidate import Candidate
from lambdas.places.blocking import pairs
from lambdas.places.columns import Columns
from lambdas.places.counts import counts
from tests.unit.places.restaurants import restaurants, truth
from tests.unit.places.sightings import sighting
from tools.dedupe.measure import grouped, score, truth_of
from tools.dedupe.synthetic import EDINBURGH, TOKYO, City, sightings
from tools.dedupe.train import CHOOSING_SEED, CITIES, TRAINING_SEEDS

# Neither the cities nor the seeds that the weights were trained and the threshold was chosen on.
SEED, RECORDS = 42, 10_000


def test_the_cities_measured_here_were_not_trained_on():
    assert SEED not in {*TRAINING_SEEDS, CHOOSING_SEED}
    assert {EDINBURGH.name, TOKYO.name}.isdisjoint(city.name for city in CITIES)


@pytest.mark.parametrize(
    ("city", "bar"), [(EDINBURGH, 0.95), (TOKYO, 0.93)], ids=lambda value: getattr(value, "name", "")
)
def test_f1_on_a_synthetic_city(city: City, bar: float):
    found = list(sightings(city, RECORDS, SEED))
    reached = score(grouped((candidate for candidate, _ in found), city.name), truth_of(found))
    assert reached.f1 >= bar
    # A false merge loses a place.
    assert reached.precision >= 0.96


@pytest.mark.parametrize(("phones", "bar"), [(True, 0.97), (False, 0.92)], ids=["with phones", "without"])
def test_f1_on_restaurants_of_two_printed_guides(phones: bool, bar: float):
    reached = score(grouped(restaurants(phones=phones), ""), truth())
    assert reached.f1 >= bar


def comparisons(candidates: Iterable[Candidate]) -> int:
    columns = Columns.of(sorted(candidates, key=lambda candidate: candidate.record_id), EDINBURGH.name)
    return sum(len(first) for first, _ in pairs(columns, counts(columns)))


def test_comparisons_grow_as_the_sightings_do():
    small, large = ([candidate for candidate, _ in sightings(EDINBURGH, size, SEED)] for size in (4_000, 16_000))
    for_each = [comparisons(found) / len(found) for found in (small, large)]
    assert for_each[1] < 1.25 * for_each[0]


def test_a_geocoders_one_answer_to_all_that_it_does_not_know_is_no_trap():
    crowd = [sighting(f"web:{n}", f"Place number {n // 2}") for n in range(6_000)]
    assert comparisons(crowd) < 50 * len(crowd)
    # Nothing of it is lost: two that are called alike are found all the same.
    groups = grouped(crowd, EDINBURGH.name)
    assert len(groups) == 3_000
    assert all(len(group) == 2 for group in groups)
