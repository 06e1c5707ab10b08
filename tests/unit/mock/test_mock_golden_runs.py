"""Each golden input, run to its end in one process, ends for its stated reason with a result that holds.

On AWS the frontier is processed while the discovery states go on. Both ends of that are tested here: the frontier
first, and the frontier last.
"""

from __future__ import annotations

import json
from functools import lru_cache

import pytest

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.manifest import Manifest, RunStatus, StoppedBy
from lambdas.mock import truth
from lambdas.runtime import keys
from tests.unit.mock.simulation import STATES, Simulation, example

COMPLETE = {StoppedBy.DRAINED, StoppedBy.EARLY_STOP}
CITIES = ("edinburgh", "london", "tokyo", "new-york", "kill-switch-test", "helsinki")
ORDERS = pytest.mark.parametrize("pages_first", [False, True], ids=["pages last", "pages first"])


@lru_cache(maxsize=2)
def finished(name: str, pages_first: bool) -> tuple[Simulation, Manifest]:
    simulation = Simulation(example(name))
    return simulation, simulation.run(pages_first=pages_first)


def check_result(simulation: Simulation, manifest: Manifest) -> None:
    """What holds for every run, whatever ended it."""
    assert manifest.status is RunStatus.SUCCEEDED
    assert set(manifest.states) == set(STATES)
    for group in BudgetGroup:
        use = manifest.budgets[group.value]
        assert use.spent <= use.cap == simulation.job.cap(group)
        if getattr(simulation.job.kill_switches, group.value):
            assert (use.spent, use.calls) == (0, 0)
    places = simulation.places()
    assert len(places) == manifest.counts.places == manifest.counts.primaries + manifest.counts.secondaries
    assert manifest.counts.candidates - manifest.counts.duplicates_merged == manifest.counts.places
    assert len({place.place_id for place in places}) == len(places)
    members = [member for place in places for member in place.members]
    assert len(set(members)) == len(members) == manifest.counts.candidates
    assert [place.rank for place in places] == list(range(1, len(places) + 1))
    collection = json.loads(simulation.s3.objects[keys.places_geojson(simulation.job.slug, simulation.run_id)])
    assert [feature["id"] for feature in collection["features"]] == [place.place_id for place in places]
    assert manifest.quality == truth.measure(simulation.job, places)
    assert manifest.quality.duplicate_rate is not None
    assert manifest.quality.precision is not None
    assert manifest.quality.within_50m is not None
    assert manifest.quality.duplicate_rate <= 0.03
    assert manifest.quality.precision >= 0.95
    assert manifest.quality.within_50m >= 0.98


@pytest.mark.parametrize("name", CITIES)
def test_a_city_is_found(name: str):
    simulation, manifest = finished(name, pages_first=False)
    check_result(simulation, manifest)
    assert manifest.stopped_by in COMPLETE
    assert manifest.quality.recall is not None
    assert manifest.quality.recall >= 0.75
    assert 150 <= manifest.counts.primaries <= 200


@ORDERS
def test_edinburgh_has_four_thousand_places_without_web_and_model(pages_first: bool):
    _, manifest = finished("edinburgh", pages_first)
    assert manifest.quality.duplicate_rate is not None
    assert manifest.quality.precision is not None
    existing = manifest.counts.places * manifest.quality.precision
    assert existing * (1 - manifest.quality.duplicate_rate) >= 4_000
    assert manifest.budgets["web"].calls == manifest.budgets["llm"].calls == 0
    assert manifest.budgets["web"].skipped > 0
    # The frontier works all the same, on maps.
    assert 40 <= manifest.frontier.done <= 80


@ORDERS
def test_the_small_budget_ends_for_its_budget(pages_first: bool):
    simulation, manifest = finished("budget-test-small", pages_first)
    check_result(simulation, manifest)
    assert manifest.stopped_by is StoppedBy.BUDGET
    assert manifest.gate is not None
    assert manifest.gate.detail == "web"


@ORDERS
def test_the_early_stop_comes_after_its_window(pages_first: bool):
    simulation, manifest = finished("early-stop-test", pages_first)
    check_result(simulation, manifest)
    assert manifest.stopped_by is StoppedBy.EARLY_STOP
    assert manifest.gate is not None
    assert manifest.gate.value < 0.80
    assert simulation.ledger.progress().calls >= 25


def test_killed_groups_are_not_called_and_what_is_left_finds_the_city():
    _, manifest = finished("kill-switch-test", pages_first=False)
    assert manifest.budgets["google"].calls == manifest.budgets["llm"].calls == 0
    assert manifest.budgets["google"].skipped > 0
    assert manifest.budgets["llm"].skipped > 0
    assert manifest.budgets["web"].calls > 50


@pytest.mark.parametrize("name", ["helsinki", "early-stop-test"])
def test_the_same_job_finds_the_same_places(name: str):
    first, _ = finished(name, pages_first=False)
    again = Simulation(example(name))
    again.run()
    assert [place.model_dump() for place in again.places()] == [place.model_dump() for place in first.places()]


def test_a_second_run_in_the_same_bucket_finds_and_spends_the_same():
    first = Simulation(example("helsinki"))
    one = first.run()
    second = Simulation(first.job, run_id="run-2", s3=first.s3)
    two = second.run()
    assert [place.place_id for place in second.places()] == [place.place_id for place in first.places()]
    assert two.counts == one.counts
    assert two.budgets["web"] == one.budgets["web"]


def test_two_radii_of_one_city_share_a_bucket_and_no_answer():
    wide = Simulation(example("early-stop-test"))
    wide.run(pages_first=True)
    small = Simulation(example("budget-test-small"), run_id="run-2", s3=wide.s3)
    manifest = small.run()
    check_result(small, manifest)
    assert manifest.stopped_by is StoppedBy.BUDGET
