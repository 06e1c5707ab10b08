"""What runs of the city workflow would cost, worked out by hand beside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambdas.contracts.connectors import BudgetGroup
from scout.costs import before
from scout.costs.bill import Bill, amount
from tests.e2e.support import example
from tests.unit.workflow.definitions import city_targets, machine, task
from workflow import prices
from workflow.city_costs import CityVolume, estimate, straight_way
from workflow.city_discovery import city_discovery
from workflow.page_processing import page_processing
from workflow.prices import Basis, Item, Price
from workflow.states import Pass

CITY = city_discovery(city_targets(), dlq_url="dlq")
PAGES = page_processing(city_targets())


def units(volume: CityVolume) -> dict[str, float]:
    return {item.what: item.units for item in estimate(CITY, PAGES, 20_000, volume)}


def test_the_way_of_a_run_has_its_loop_apart() -> None:
    way, loop = straight_way(CITY)
    assert way[:3] == ["OpenRun", "IsDuplicateRun", "DiscoverWebSources"]
    assert way[-2:] == ["IsRunFailed", "RunSucceeded"]
    assert len(way) == len(set(way)) == 20
    assert "AwaitFrontier" not in way
    assert loop == [
        "PollFrontier", "EarlyStopGate", "BudgetGate", "DeadlineGate", "KillSwitchGate", "FrontierDrained",
        "AwaitFrontier",
    ]  # fmt: skip


def test_a_way_without_a_loop_is_the_states_one_after_the_other() -> None:
    scope = machine({"First": Pass(next="Second"), "Second": task(catch=())})
    assert straight_way(scope) == (["First", "Second"], [])


def test_amounts_follow_from_the_definitions_and_the_volume() -> None:
    found = units(CityVolume(runs=1, messages=25, polls=3, calls=100))
    assert found["State transitions"] == 20 + 3 * 7
    assert found["Express requests"] == 3
    # 12 Tasks on the way (OpenRun, PollFrontier, CloseFrontier, nine states), one poll a turn, three stages a page,
    # and each batch is admitted and settled.
    assert found["Lambda invocations"] == 12 + 3 + 25 * 3 + 2 * 3
    assert found["Pipe"] == 25
    assert found["DynamoDB writes"] == 13 + 6 * 25 + 4 * 4 + 2 * (12 + 75)
    assert "LLM tokens" not in found


def test_a_month_of_runs_is_so_many_times_one() -> None:
    one, many = units(CityVolume()), units(CityVolume(runs=30))
    assert {what: amount * 30 for what, amount in one.items()} == pytest.approx(many)


def test_the_price_of_tokens_can_be_given() -> None:
    items = estimate(CITY, PAGES, 20_000, CityVolume(llm_tokens=10), Price("1,000 model tokens", ((0, 0.5),), "given"))
    assert next(item.usd for item in items if item.what == "LLM tokens") == 5


def test_an_input_bounds_calls_and_tokens() -> None:
    job = example("london")
    bill = before.of_city("mock", CityVolume(), job)
    caps = {group: job.cap(group) for group in BudgetGroup}
    tokens = next(item for item in bill.items if item.what == "LLM tokens")
    assert tokens.units == caps[BudgetGroup.LLM]
    assert f"{caps[BudgetGroup.GOOGLE] + caps[BudgetGroup.OPEN_DATA]:,} calls" in " ".join(bill.notes)
    killed = job.model_copy(update={"kill_switches": job.kill_switches.model_copy(update={"llm": True})})
    assert "LLM tokens" not in {item.what for item in before.of_city("mock", CityVolume(), killed).items}


def test_every_line_of_a_bill_says_its_unit_price_source_and_basis() -> None:
    document = before.of_city("mock", replace(CityVolume(), llm_tokens=1)).document()
    assert document["usd"] == pytest.approx(sum(line["usd"] for line in document["items"]))
    for line in document["items"]:
        assert line["usd"] == pytest.approx(line["units"] * line["unit_usd"])
        assert line["source"].startswith("https://aws.amazon.com/")
        assert line["unit"]
        assert line["basis"] == "estimated"
    assert document["prices"] == {"region": prices.REGION, "as_of": prices.AS_OF.isoformat()}


def test_a_price_that_falls_with_volume_has_a_mean() -> None:
    item = Item("x", 200, Price("units", ((0, 2.0), (100, 1.0)), "https://aws.amazon.com/"), Basis.COUNTED)
    assert (item.usd, item.unit_usd) == (300, 1.5)
    assert Item("x", 0, Price("units", ((0, 2.0),), "")).unit_usd == 2
    assert Bill("t", [item]).usd == 300


def test_amounts_are_short() -> None:
    assert [amount(number) for number in (12, 1234567, 0.0001234567, 1234.5)] == [
        "12",
        "1,234,567",
        "0.0001235",
        "1,234",
    ]
