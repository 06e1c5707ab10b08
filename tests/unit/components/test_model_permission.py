"""Which model of Bedrock a stack's function may ask."""

from __future__ import annotations

import pytest

from components.city_functions import DEFAULT_MODEL, REAL
from components.policies import converse_with
from lambdas.connectors import bedrock
from tests.unit.pulumi_support import context_of
from workflow.city_states import CityState

SHARED = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0"
OWN = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"


def test_the_models_of_permission_and_connector_are_the_same():
    assert DEFAULT_MODEL == bedrock.DEFAULT_MODEL


@pytest.mark.parametrize(
    "model", ["amazon.nova-lite-v1:0", "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0"]
)
def test_a_model_is_named_by_its_arn(model):
    (statement,) = converse_with(model, "aws", "eu-west-1", "123456789012")
    assert statement.actions == ("bedrock:InvokeModel",)
    assert statement.resources == ("arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0",)
    assert statement.conditions == {}


@pytest.mark.parametrize(
    ("model", "profile", "behind"),
    [
        ("eu.amazon.nova-lite-v1:0", SHARED, "arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0"),
        (SHARED, SHARED, "arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0"),
        (OWN, OWN, "arn:aws:bedrock:*::foundation-model/*"),
    ],
)
def test_what_is_behind_a_profile_is_asked_through_the_profile_alone(model, profile, behind):
    asked, through = converse_with(model, "aws", "eu-west-1", "123456789012")
    assert (asked.actions, asked.resources) == (("bedrock:InvokeModel",), (profile,))
    assert (through.actions, through.resources) == (("bedrock:InvokeModel",), (behind,))
    assert through.conditions == {"StringLike": {"bedrock:InferenceProfileArn": profile}}


def test_only_the_reader_of_pages_may_ask_the_model_of_its_stack():
    context = context_of({"connectors": {"bedrock": {"model_id": "eu.amazon.nova-pro-v1:0"}}})
    asking = [
        (state, resource)
        for state, function in REAL.items()
        for statement in function.statements(context)
        if statement.actions == ("bedrock:InvokeModel",)
        for resource in statement.resources
    ]
    assert {state for state, _ in asking} == {CityState.EXTRACT_WITH_LLM}
    assert all("nova-pro" in resource for _, resource in asking)
