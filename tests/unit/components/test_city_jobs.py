"""The Glue job of DedupeCanonicalize: where it is, and that it may do what the state's function may."""

from __future__ import annotations

from typing import Any

import pytest

from components import city_jobs
from components.city_functions import REAL
from tests.unit.pulumi_support import ROOT, Graph, context_of, run_program
from workflow.city_states import CityState

FUNCTION = REAL[CityState.DEDUPE_CANONICALIZE]
ARN = "arn:aws:s3:::data-scout-mixed-mock-real-data-123456789012"
OWN = ("glue-scripts/dedupe-canonicalize/", "glue-temp/dedupe-canonicalize/")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return run_program("mixed-mock-real")


def statements(graph: Graph, role: str) -> dict[str, Any]:
    name = f"data-scout-mixed-mock-real-{role}"
    (policy,) = [item for item in graph.of_type("RolePolicy") if item.inputs["name"] == name]
    return {statement["Sid"]: statement for statement in policy.document["Statement"]}


def test_a_stack_whose_state_is_mock_has_none():
    context = context_of()
    assert city_jobs.large_dedupe(context) is None
    assert city_jobs.run_large_dedupe(context) == ()


def test_the_settings_say_from_when_on_and_with_what():
    dedupe = {"max_lambda_records": 7, "timeout_minutes": 30}
    changes = {"states": dict.fromkeys(CityState, "real"), "finalization": {"dedupe": dedupe}}
    found = city_jobs.large_dedupe(context_of(changes))
    assert found is not None
    assert (found.beyond, found.job.name, found.job.timeout_minutes) == (7, "data-scout-mock-dedupe-canonicalize", 30)


def test_it_reads_and_writes_what_the_function_does_beside_what_is_its_own(graph):
    job, function = (statements(graph, f"{FUNCTION.name}-{kind}") for kind in ("job-role", "role"))
    own = {f"{ARN}/{prefix}*" for prefix in OWN}
    for sid in ("ReadObjects", "WriteObjects"):
        allowed, same = (
            {wanted} if isinstance(wanted := found[sid]["Resource"], str) else set(wanted) for found in (job, function)
        )
        assert allowed - own == same
    assert job["UseLedger"] == function["UseLedger"]
    assert job.keys() - function.keys() == {"DeleteObjects", "PutMetrics"}
    assert job["DeleteObjects"]["Resource"] == f"{ARN}/{OWN[1]}*"


def test_only_the_machine_of_cities_may_run_it(graph):
    arn = "arn:aws:glue:us-east-1:123456789012:job/data-scout-mixed-mock-real-dedupe-canonicalize"
    assert statements(graph, "city-discovery-role")["RunJobs"]["Resource"] == arn
    others = [item for item in graph.of_type("RolePolicy") if "city-discovery" not in item.inputs["name"]]
    assert others
    assert not [item.inputs["name"] for item in others if arn in str(item.document)]


def test_its_zip_holds_what_it_imports():
    for module in city_jobs.MODULES:
        assert (ROOT / module).exists()
    assert {"lambdas/dedupe_canonicalize", "lambdas/finalization", "lambdas/places"} <= {*city_jobs.MODULES}


def test_its_packages_are_those_of_the_functions_layers():
    """A number that another version rounds otherwise would be another place."""

    def locked(name: str) -> set[str]:
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        return {line.removesuffix("\\").strip() for line in lines if "==" in line}

    layers = set().union(*(locked(f"lambdas/requirements/{layer}.txt") for layer in FUNCTION.layers))
    assert locked(str(city_jobs.REQUIREMENTS)) == layers
