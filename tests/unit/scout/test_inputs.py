"""Run inputs by name, and with connectors that they kill."""

from __future__ import annotations

import pytest

from lambdas.contracts.connectors import BudgetGroup
from scout.cities import inputs
from scout.errors import InputRefused


def test_a_golden_input_is_the_file_of_its_name():
    assert inputs.golden("new-york") == inputs.load(inputs.EXAMPLES / "input.new-york.json")


@pytest.mark.parametrize("name", ["Edinburgh", "../examples/edinburgh", ""])
def test_another_name_is_refused_with_those_that_there_are(name: str):
    with pytest.raises(InputRefused, match=r"the golden inputs are .*edinburgh.*tokyo"):
        inputs.golden(name)


def test_what_is_allowed_is_killed_no_more_and_all_else_is_as_it_was():
    job = inputs.golden("edinburgh")
    allowed = inputs.allowing(job, [BudgetGroup.WEB])
    assert (job.kill_switches.web, job.kill_switches.llm) == (True, True)
    assert (allowed.kill_switches.web, allowed.kill_switches.llm) == (False, True)
    assert inputs.allowing(allowed, [BudgetGroup.LLM, BudgetGroup.GOOGLE]).kill_switches.document() == dict.fromkeys(
        BudgetGroup, False
    )
    assert {**allowed.document(), "kill_switches": None} == {**job.document(), "kill_switches": None}
