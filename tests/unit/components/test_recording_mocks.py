"""The harness itself: what it must not let pass."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
import pytest

from tests.unit import pulumi_support
from tests.unit.pulumi_support import record


def test_two_resources_of_one_type_and_name_are_refused():
    def twice() -> None:
        aws.cloudwatch.LogGroup("logs", name="a")
        aws.cloudwatch.LogGroup("logs", name="b")

    with pytest.raises(AssertionError, match="two resources of type aws:cloudwatch/logGroup:LogGroup are named 'logs'"):
        record(twice)


def test_a_resource_type_that_the_product_does_not_have_is_refused():
    with pytest.raises(AssertionError, match="unexpected resource type aws:ecr/repository:Repository"):
        record(lambda: aws.ecr.Repository("images"))


def test_an_assertion_in_an_apply_fails_the_run():
    def build() -> None:
        def refuse(arn: str) -> None:
            raise AssertionError(f"looked at {arn}")

        aws.cloudwatch.LogGroup("logs", name="a").arn.apply(refuse)

    with pytest.raises(AssertionError, match="looked at arn:aws:logs"):
        record(build)


def test_a_program_that_makes_nothing_is_refused():
    with pytest.raises(AssertionError, match="nothing was made"):
        record(lambda: None)


def test_a_graph_that_nobody_looks_at_is_noticed():
    graph = record(lambda: aws.cloudwatch.LogGroup("logs", name="a"))
    assert [known.looked_at for known in pulumi_support.GRAPHS] == [False]
    assert graph.one("LogGroup").inputs == {"name": "a"}
    assert [known.looked_at for known in pulumi_support.GRAPHS] == [True]


def test_what_only_the_provider_knows_is_unknown_in_a_preview():
    seen: list[object] = []

    def build() -> None:
        group = aws.cloudwatch.LogGroup("logs", name="a")
        group.arn.apply(seen.append)
        group.name.apply(seen.append)

    assert record(build, preview=True).one("LogGroup").name == "logs"
    assert seen == ["a"]


def test_outputs_of_components_and_of_the_stack_are_recorded():
    class Component(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("test:index:Component", "it")
            group = aws.cloudwatch.LogGroup("logs", name="a", opts=pulumi.ResourceOptions(parent=self))
            self.register_outputs({"arn": group.arn})
            pulumi.export("arn", group.arn)

    graph = record(Component)
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:a"
    assert graph.component_outputs == {"Component it": {"arn": arn}}
    assert graph.exports == {"arn": arn}
    assert graph.one("LogGroup").parent == "Component it"
