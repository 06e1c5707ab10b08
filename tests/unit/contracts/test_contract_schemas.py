from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lambdas.contracts.connectors import BudgetGroup, Connector, llm_units
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.frontier import MapsMessage, WebMessage, parse_message
from lambdas.contracts.job import RunInput
from lambdas.contracts.schemas import contract_schemas
from settings import Settings
from workflow.city_states import CityState

ROOT = Path(__file__).parents[3]
GOLDEN = sorted((ROOT / "examples").glob("input.*.json"))
SCHEMAS = contract_schemas()


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_is_a_schema_that_is_closed(name):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["additionalProperties"] is False


# google, web, llm, open_data: per minute and in total; killed; early stop; wall clock; prefix.
EXPECTED: dict[str, Any] = {
    "edinburgh": (
        ("city-discovery-edinburgh-001", "Edinburgh", 55.9533, -3.1883, 10),
        [(300, 20_000), (1_000_000, 200_000_000), (100, 10_000), (100, 10_000)],
        {"web", "llm"},
        (0.05, 200, 3600, "cities/edinburgh/test-run/"),
    ),
    "london": (
        ("city-discovery-london-001", "London", 51.5074, -0.1278, 15),
        [(500, 50_000), (2_000_000, 500_000_000), (200, 25_000), (150, 15_000)],
        set(),
        (0.05, 200, 5400, "cities/london/test-run/"),
    ),
    "tokyo": (
        ("city-discovery-tokyo-001", "Tokyo", 35.6762, 139.6503, 12),
        [(400, 40_000), (1_500_000, 400_000_000), (150, 20_000), (120, 12_000)],
        set(),
        (0.05, 200, 4800, "cities/tokyo/test-run/"),
    ),
    "new-york": (
        ("city-discovery-new-york-001", "New York", 40.7128, -74.0060, 20),
        [(600, 60_000), (3_000_000, 750_000_000), (250, 30_000), (200, 20_000)],
        set(),
        (0.05, 200, 7200, "cities/new-york/test-run/"),
    ),
    "budget-test-small": (
        ("budget-test-small-001", "Edinburgh", 55.9533, -3.1883, 5),
        [(50, 1000), (100_000, 5_000_000), (20, 500), (30, 1000)],
        set(),
        (0.10, 50, 900, "tests/budget-small/"),
    ),
    "early-stop-test": (
        ("early-stop-test-001", "Edinburgh", 55.9533, -3.1883, 8),
        [(1000, 100_000), (5_000_000, 1_000_000_000), (500, 50_000), (500, 50_000)],
        set(),
        (0.80, 25, 3600, "tests/early-stop/"),
    ),
    "kill-switch-test": (
        ("kill-switch-test-001", "Edinburgh", 55.9533, -3.1883, 10),
        [(300, 20_000), (1_000_000, 200_000_000), (100, 10_000), (100, 10_000)],
        {"google", "llm"},
        (0.05, 200, 3600, "tests/kill-switches/"),
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_golden_input_has_the_values_of_the_reference(name):
    job = RunInput.parse(json.loads((ROOT / "examples" / f"input.{name}.json").read_text(encoding="utf-8")))
    (job_id, city, lat, lng, radius), budgets, killed, (rate, window, seconds, prefix) = EXPECTED[name]
    assert (job.job_id, job.city, job.seed.radius_km) == (job_id, city, radius)
    assert (job.seed.center.lat, job.seed.center.lng) == (lat, lng)
    given = [getattr(job.budgets, group.value) for group in BudgetGroup]
    assert [(budget.per_minute, budget.total) for budget in given] == budgets
    assert {group.value for group in BudgetGroup if getattr(job.kill_switches, group.value)} == killed
    assert (job.early_stop.min_new_unique_rate, job.early_stop.window_calls) == (rate, window)
    assert (job.timeouts.wall_clock_seconds, job.s3_prefix) == (seconds, prefix)
    assert not job.orchestrator.fail_fast


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_every_example_keeps_to_the_schema_and_the_model(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMAS["run-input.schema.json"])
    assert RunInput.parse(RunInput.parse(document).document()) == RunInput.parse(document)


def test_a_cap_is_the_total_and_no_more_than_the_rate_gives():
    document = json.loads((ROOT / "examples" / "input.budget-test-small.json").read_text(encoding="utf-8"))
    job = RunInput.parse(document)
    assert [job.cap(group) for group in BudgetGroup] == [750, 1_500_000, 300, 450]


def test_begun_thousands_of_model_tokens_are_counted_whole():
    assert [llm_units(tokens) for tokens in (0, 1, 1000, 1001)] == [0, 1, 1, 2]


def test_the_rates_are_those_of_the_reference():
    buckets = RunDefaults().token_buckets
    assert set(buckets) == set(Connector)
    assert (buckets[Connector.GOOGLE_NEARBY].capacity, buckets[Connector.GOOGLE_NEARBY].refill) == (1500, 150)
    assert (buckets[Connector.LLM_TOKENS].capacity, buckets[Connector.LLM_TOKENS].refill) == (200_000, 0)
    assert buckets[Connector.NOMINATIM].per_second == pytest.approx(50 / 60)
    partial = RunDefaults.parse({"token_buckets": {"wiki": {"capacity": 1, "refill": 1, "period_seconds": 0}}})
    assert partial.bucket(Connector.WIKI).per_second == pytest.approx(1 / 60)
    assert partial.bucket(Connector.OTM).capacity == 800


WEB: dict[str, Any] = {
    "type": "web",
    "city": "Edinburgh",
    "run_id": "run-1",
    "correlation_id": "00000000-0000-0000-0000-000000000000",
    "budget_token": "web.fetch",
    "enqueued_at": "2026-01-01T00:00:00.000Z",
    "source_url": "https://example.org/a",
    "source_name": "example",
    "source_type": "html",
    "crawl_depth": 0,
}
MAPS = {
    **{name: value for name, value in WEB.items() if not name.startswith("source_") and name != "crawl_depth"},
    "type": "maps",
    "budget_token": "google.nearby",
    "lat": 55.9,
    "lng": -3.2,
    "radius": 500,
}


@pytest.mark.parametrize(("document", "schema"), [(WEB, "frontier.web"), (MAPS, "frontier.maps")])
def test_model_and_schema_agree_on_messages(document, schema):
    validator = jsonschema.Draft202012Validator(SCHEMAS[f"{schema}.schema.json"])
    message = parse_message(json.dumps(document))
    assert isinstance(message, WebMessage | MapsMessage)
    assert validator.is_valid(document)
    assert validator.is_valid(message.document())
    for wrong in ({"budget_token": "nobody"}, {"surprise": 1}, {"type": "other"}, {"trust_score": 1.5}, {"city": ""}):
        assert not validator.is_valid({**document, **wrong})
        with pytest.raises(ValueError, match="validation error"):
            parse_message(json.dumps({**document, **wrong}))
    for name in ("type", "run_id", "correlation_id", "budget_token"):
        missing = {field: value for field, value in document.items() if field != name}
        assert not validator.is_valid(missing)
        with pytest.raises(ValueError, match=r"validation error"):
            parse_message(json.dumps(missing))


def test_the_key_of_a_message_is_its_work():
    message = parse_message(json.dumps(WEB))
    later = {**WEB, "enqueued_at": "2027-01-01T00:00:00.000Z", "correlation_id": "1" * 8 + WEB["correlation_id"][8:]}
    assert parse_message(json.dumps(later)).key == message.key
    assert parse_message(json.dumps({**WEB, "run_id": "run-2"})).key != message.key
    assert parse_message(json.dumps({**WEB, "source_url": "https://example.org/b"})).key != message.key


def test_what_a_stack_hands_to_its_runs_is_what_they_read():
    states = json.dumps(dict.fromkeys(CityState, "mock"))
    stack = Settings.load("data-scout", "mock", {"data-scout:states": states, "aws:region": "us-east-1"})
    handed = RunDefaults.parse(json.loads(json.dumps(stack.run_defaults())))
    assert set(stack.run_defaults()) == set(RunDefaults.model_fields)
    assert handed.token_buckets == RunDefaults().token_buckets
    assert (handed.split_ratio, handed.finalize_reserve_seconds) == (0.7, 120)
