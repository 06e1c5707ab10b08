"""Legacy, hybrid and S3 pipelines on the embedded AWS, and the command that compares an old one with a new one."""

from __future__ import annotations

import pytest

from scout.pipelines.migration import verify
from tests.integration.pipelines.stack import Stack

pytestmark = pytest.mark.xdist_group("pipelines")


def output_of(stack: Stack, pipeline: str, execution: str, message: object) -> object:
    """What the execution of a pipeline that ends with a legacy stage puts out."""
    described = stack.account.ended(stack.start(pipeline, message, execution))
    assert described["status"] == "SUCCEEDED", described
    return described["output"]["output"]


def test_legacy_stages_hand_over_through_the_state_as_they_always_did(stack):
    assert output_of(stack, "legacy", "legacy", {"path": ["start"], "id": 7}) == {
        "path": ["start", "legacy", "legacy"],
        "id": 7,
        "padding": "",
    }
    assert stack.keys("executions/legacy/") == []


@pytest.mark.property(39)
def test_legacy_and_migrated_stages_hand_over_to_each_other_in_both_directions(stack):
    sent = stack.through("hybrid", {"path": ["start"], "id": 7})
    assert sent.data == {"path": ["start", "legacy", "New", "legacy", "Newer"], "id": 7, "padding": ""}
    assert [done.stage for done in sent.stages] == ["New", "Newer"]


@pytest.mark.property(39)
def test_and_so_they_do_in_an_express_pipeline(stack):
    sent = stack.through("hybrid-express", {"path": []})
    assert sent.data == {"path": ["New", "legacy", "Newer"], "padding": ""}


def test_a_legacy_stage_that_fails_fails_the_execution(stack):
    described = stack.account.ended(stack.start("legacy", {"fail": {"legacy": 1}}, "legacy-fails"), timeout=30)
    assert described["status"] == "FAILED"
    stack.account.drain(str(stack["legacy"].failure_queue_url), 1, timeout=30)


class TestVerification:
    def test_a_migration_that_changed_nothing_but_the_hand_over_passes(self, stack):
        found = verify(stack.deployment, stack["standard"], stack["express"], {"one": {"id": 1}, "two": {"id": 2}})
        assert [item.differences for item in found.inputs] == [(), ()]
        assert [check.name for check in found.checks] == [
            "function", "performance", "cost", "observability", "error handling",
        ]  # fmt: skip
        passed = {check.name: check.passed for check in found.checks}
        # How long a single execution takes here says nothing.
        assert all(passed[name] for name in passed.keys() - {"performance"})
        assert all(item.old.usd > item.new.usd > 0 for item in found.inputs)

    def test_a_difference_is_found_and_told(self, stack):
        found = verify(stack.deployment, stack["legacy"], stack["standard"], {"one": {"path": []}})
        assert not found.passed
        assert "legacy" in "\n".join(found.inputs[0].differences)

    def test_what_may_differ_is_said_by_the_user(self, stack):
        one = {"one": {"id": 1}}
        found = verify(stack.deployment, stack["legacy"], stack["standard"], one, ignored=[r"\['(path|padding)'\]"])
        assert found.inputs[0].differences == ()

    def test_a_failure_of_one_of_them_is_a_difference(self, stack):
        found = verify(stack.deployment, stack["legacy"], stack["standard"], {"one": {"fail": {"Second": 9}}})
        assert found.inputs[0].differences == ("old: succeeded; new: FAILED ServiceUnavailable",)
        stack.account.drain(str(stack["standard"].failure_queue_url), 1, timeout=30)

    def test_no_message_of_either_queue_is_touched(self, stack):
        before = [stack.waiting(stack[name].queue_url) for name in ("standard", "express")]
        verify(stack.deployment, stack["standard"], stack["express"], {"one": {}})
        assert [stack.waiting(stack[name].queue_url) for name in ("standard", "express")] == before == [0, 0]
