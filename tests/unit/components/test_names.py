"""Physical names: what is built from a project and a stack is what the service takes, or an error that says why not."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.names import RULES, InvalidName, Kind, Names
from tests.unit.pulumi_support import context_of

KINDS: tuple[Kind, ...] = get_args(Kind)
LONGEST = {
    "bucket": 63, "queue": 80, "table": 255, "role": 64, "function": 64, "layer": 64, "state machine": 80, "pipe": 64,
    "rule": 64, "alias": 249, "job": 255, "topic": 256,
}  # fmt: skip


def test_the_limits_are_those_of_the_services():
    assert {kind: rule.longest for kind, rule in RULES.items()} == LONGEST
    assert set(RULES) == set(KINDS)


def test_a_name_has_project_stack_and_role():
    assert Names("data-scout", "mock").of("queue", "frontier-dlq") == "data-scout-mock-frontier-dlq"


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_may_be_as_long_as_the_service_takes_and_no_longer(kind):
    longest = LONGEST[kind]
    names = Names("p", "s")
    role = "r" * (longest - len("p-s-"))
    assert len(names.of(kind, role)) == longest
    with pytest.raises(InvalidName, match=rf"{kind} name 'p-s-r+' has {longest + 1} characters; .* to {longest}\."):
        names.of(kind, role + "r")


@pytest.mark.parametrize(
    ("kind", "stack"),
    [("bucket", "Mock"), ("bucket", "a_b"), ("bucket", "a.b"), ("queue", "a.b"), ("function", "a.b"), ("pipe", "a/b")],
)
def test_characters_that_the_service_refuses_are_refused(kind, stack):
    with pytest.raises(InvalidName, match=f"{kind} name 'data-scout-{stack}-x' is not valid; .* takes "):
        Names("data-scout", stack).of(kind, "x")


@given(kind=st.sampled_from(KINDS), project=st.text(max_size=80), stack=st.text(max_size=80), role=st.text(max_size=80))
def test_no_name_is_let_through_that_the_service_refuses(kind, project, stack, role):
    try:
        name = Names(project, stack).of(kind, role)
    except InvalidName:
        return
    assert len(name) <= LONGEST[kind]
    assert re.fullmatch(RULES[kind].pattern, name)
    assert name.isascii()
    assert name == f"{project}-{stack}-{role}"


_SAFE = st.from_regex(r"[a-z][a-z0-9-]{0,9}[a-z0-9]", fullmatch=True)


@given(project=_SAFE, stack=_SAFE, other=_SAFE, role=_SAFE, kind=st.sampled_from(KINDS))
def test_stacks_of_one_project_do_not_share_names(project, stack, other, role, kind):
    same = Names(project, stack).of(kind, role) == Names(project, other).of(kind, role)
    assert same == (stack == other)


def test_a_stack_whose_names_do_not_fit_is_refused_before_anything_is_made():
    context = context_of(stack="a-stack-with-a-name-that-is-much-too-long-for-all-of-this")
    with pytest.raises(InvalidName, match="Choose another name for the project, the stack, or what"):
        _ = context.bucket


def test_arns_and_urls_follow_the_partition_and_region():
    context = context_of()
    assert context.bucket_arn == "arn:aws:s3:::data-scout-mock-data-123456789012"
    assert context.arn("queue", "frontier") == "arn:aws:sqs:us-east-1:123456789012:data-scout-mock-frontier"
    assert (
        context.arn("state machine", "page-processing")
        == "arn:aws:states:us-east-1:123456789012:stateMachine:data-scout-mock-page-processing"
    )
    china = type(context)(context.settings, context.account, partition="aws-cn")
    assert china.arn("function", "mock") == "arn:aws-cn:lambda:us-east-1:123456789012:function:data-scout-mock-mock"
    assert china.queue_url("frontier").startswith("https://sqs.us-east-1.amazonaws.com.cn/123456789012/")


def test_logs_of_state_machines_lie_where_their_number_is_not_limited():
    context = context_of()
    assert context.log_group("function", "mock") == "/aws/lambda/data-scout-mock-mock"
    assert context.log_group("state machine", "page-processing") == (
        "/aws/vendedlogs/states/data-scout-mock-page-processing"
    )
