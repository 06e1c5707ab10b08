"""What a pipeline costs as Express and as Standard, against amounts worked out by hand from the list prices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.pipelines.samples import (
    configuration,
    configurations,
    definition,
    express,
    glue_stage,
    lambda_stage,
    standard,
)
from workflow import prices
from workflow.definition import MachineType
from workflow.graph import success_way
from workflow.model import WorkflowType
from workflow.pipeline_costs import Volume, compare

FIVE = [lambda_stage(f"{name}Stage") for name in ("ETL", "Filter", "Score", "Store", "Reactive")]
MILLION = 1_000_000


def test_a_million_messages_through_five_stages_by_hand():
    found = compare(express(*FIVE), Volume(messages=MILLION, stage_seconds=0.3))
    requests, duration = found.express.orchestration
    assert requests.units == MILLION
    assert requests.usd == pytest.approx(1.00)
    # 1.5 s of 64 MB: 50 MB, the definition and the data are less than 14 MB more.
    assert duration.units == pytest.approx(MILLION * 1.5 * 64 / 1024)
    assert duration.usd == pytest.approx(93_750 * 0.00001667)
    (transitions,) = found.standard.orchestration
    # The choice, and five stages.
    assert transitions.units == 6 * MILLION
    assert found.standard.usd == pytest.approx(150)
    assert found.chosen is MachineType.EXPRESS


def test_express_is_billed_by_executions_and_so_by_batches():
    one, ten = (compare(express(*FIVE, batch_size=size), Volume(messages=MILLION)) for size in (1, 10))
    assert ten.express.orchestration[0].units == one.express.orchestration[0].units / 10
    assert ten.standard.usd == one.standard.usd


def test_express_is_billed_in_steps_of_100_milliseconds():
    short, step = (compare(express(FIVE[0]), Volume(MILLION, stage_seconds=seconds)) for seconds in (0.001, 0.1))
    assert short.express.usd == step.express.usd


def test_a_glue_stage_has_no_price_as_express_and_says_why():
    found = compare(
        standard(FIVE[0], glue_stage("HeavyStage")), Volume(messages=1000, stage_seconds=1, job_minutes=30, job_dpus=4)
    )
    assert found.express.orchestration == ()
    assert "HeavyStage (job job-HeavyStage)" in (found.express.refusal or "")
    assert found.standard.refusal is None
    hours = next(item for item in found.common if item.what == "Glue jobs")
    assert hours.units == 1000 * 0.5 * 4
    assert hours.usd == pytest.approx(2000 * 0.44)


def test_a_run_of_a_job_is_billed_for_a_minute_at_least():
    found = compare(standard(glue_stage("HeavyStage")), Volume(messages=60, job_minutes=0.2, job_dpus=2))
    assert [item.units for item in found.common if item.what == "Glue jobs"] == [2.0]


def test_a_pipeline_that_is_too_slow_for_express_has_a_price_and_a_refusal():
    found = compare(configuration(lambda_stage("SlowStage", 900)), Volume(messages=1000))
    assert found.chosen is MachineType.STANDARD
    assert found.express.usd > 0
    assert "300 s" in (found.express.refusal or "")


def test_a_batch_size_is_no_reason_against_standard():
    assert compare(express(*FIVE, batch_size=10), Volume(messages=1)).standard.refusal is None


@pytest.mark.property(25)
@given(configurations())
def test_the_chosen_type_is_one_that_the_pipeline_can_be(config):
    found = compare(config, Volume(messages=1000))
    offer = found.express if found.chosen is MachineType.EXPRESS else found.standard
    assert offer.refusal is None
    assert offer.machine_type is found.chosen is config.machine_type


@given(configurations(), st.integers(1, 10**9), st.integers(2, 10))
def test_more_messages_never_cost_less(config, messages, times):
    few, many = (compare(config, Volume(messages=number)) for number in (messages, messages * times))
    assert many.standard.usd == pytest.approx(times * few.standard.usd)
    assert few.express.usd <= many.express.usd * (1 + 1e-9)
    assert prices.total(few.common) <= prices.total(many.common)


@given(configurations())
def test_transitions_are_counted_on_the_way_without_failures(config):
    as_standard = standard(*config.stages, retry=config.retry)
    way = success_way(definition(as_standard))
    assert {stage.name for stage in config.stages} <= set(way)
    assert "Too many messages" not in way
    assert compare(as_standard, Volume(messages=1)).standard.orchestration[0].units == len(way)


@pytest.mark.parametrize(
    ("units", "usd"),
    [
        (0, 0),
        (3_600_000, 3_600_000 * 0.00001667),
        (18_000_000, 3_600_000 * 0.00001667 + 14_400_000 * 0.00000833),
        (20_000_000, 3_600_000 * 0.00001667 + 14_400_000 * 0.00000833 + 2_000_000 * 0.00000456),
    ],
)
def test_each_tier_of_a_price_counts_for_its_own_units(units, usd):
    assert prices.EXPRESS_DURATION.of(units) == pytest.approx(usd)


def test_auto_and_the_type_that_it_chooses_cost_the_same():
    assert compare(configuration(FIVE[0]), Volume(1000)).standard.usd == (
        compare(configuration(FIVE[0], workflow_type=WorkflowType.STANDARD), Volume(1000)).standard.usd
    )
