"""Least privilege: each role allows what its user does, on the resources it does it on, and nothing else."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.candidate_functions import FUNCTIONS
from components.city_discovery import CITY, PAGES, roles_of, workflows
from components.city_functions import CONTROL, MOCK, REAL, functions_of
from components.policies import LEDGER_ACTIONS, Statement, document
from components.workflow_roles import WorkflowRoles, WorkflowRolesArgs, function_role
from tests.unit.pulumi_support import ROOT, Graph, Resource, context_of, record, run_program
from workflow.city_states import CityState

LOUD: dict[str, object] = {"observability": {"log_level": "ALL", "include_execution_data": True, "tracing": True}}
MIXED: dict[str, object] = {
    "states": {state: "real" if state is CityState.TILE_SWEEP else "mock" for state in CityState}
}
VARIANTS: dict[str, dict[str, object]] = {
    "mock": {},
    "loud": LOUD,
    "mixed": MIXED,
    "kms": {"encryption": {"kms": True}},
}

# AWS takes nothing but "*" for these; components/policies.py says why.
WITHOUT_RESOURCE_LEVEL = {"DeliverLogs", "SendTraces", "PutMetrics"}
BUCKET = "arn:aws:s3:::data-scout-mock-data-123456789012"


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:123456789012:{resource}"


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def build(changes: dict[str, object]) -> Graph:
    config = {f"data-scout:{key}": json.dumps(value) for key, value in changes.items()}
    return run_program("mock", config=config)


@pytest.fixture(scope="module", params=VARIANTS)
def graph(request: pytest.FixtureRequest) -> Graph:
    return build(VARIANTS[request.param])


def all_statements(graph: Graph) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in graph.resources:
        if "policy" in resource.inputs or "assumeRolePolicy" in resource.inputs:
            for statement in resource.document["Statement"]:
                yield f"{resource.type} {resource.name}", statement


def test_no_statement_allows_an_action_by_wildcard(graph):
    allowed = [(where, statement) for where, statement in all_statements(graph) if statement["Effect"] == "Allow"]
    assert len(allowed) > 10
    assert not [where for where, statement in allowed if any("*" in action for action in listed(statement["Action"]))]


def test_only_where_aws_requires_it_is_a_resource_a_wildcard(graph):
    for where, statement in all_statements(graph):
        if statement["Effect"] == "Allow" and "*" in listed(statement.get("Resource", [])):
            assert statement["Sid"] in WITHOUT_RESOURCE_LEVEL or where.startswith("aws:kms/key:Key"), where


def test_every_service_that_says_for_whom_acts_for_one_resource_of_this_account(graph):
    by_service = [item for item in all_statements(graph) if "Service" in (dict_or_none(item[1].get("Principal")) or {})]
    # And the rules that report failures: of city discovery, and of the Standard pipeline.
    assert len(by_service) == len(graph.of_type("Role")) + 2
    for where, statement in by_service:
        if statement["Principal"]["Service"] in {"lambda.amazonaws.com", "glue.amazonaws.com"}:
            # AWS does not say that these send such keys; a condition on them could refuse every function and job.
            assert "Condition" not in statement, where
            continue
        source = statement["Condition"]["ArnLike"]["aws:SourceArn"]
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}, where
        assert "*" not in source, where
        assert source.split(":")[2] == statement["Principal"]["Service"].removesuffix(".amazonaws.com"), where


def dict_or_none(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def test_one_role_for_each_function_job_state_machine_and_pipe(graph):
    users = [user for kind in ("Function", "Job", "StateMachine", "Pipe") for user in graph.of_type(kind)]
    used = [user.inputs.get("role") or user.inputs["roleArn"] for user in users]
    assert sorted(used) == sorted(f"arn:aws:iam::123456789012:role/{name}" for name in graph.names("Role"))
    assert len(set(used)) == len(used)
    assert graph.names("RolePolicy") == graph.names("Role")


def test_a_role_may_be_assumed_for_its_user_only(graph):
    sources = {
        resource.inputs["name"]: statement["Condition"]["ArnLike"]["aws:SourceArn"]
        for resource in graph.of_type("Role")
        if "Condition" in (statement := resource.document["Statement"][0])
    }
    for kind, field, before in (
        ("StateMachine", "roleArn", "states:us-east-1:123456789012:stateMachine:"),
        ("Pipe", "roleArn", "pipes:us-east-1:123456789012:pipe/"),
    ):
        for user in graph.of_type(kind):
            role = user.inputs[field].rpartition("/")[2]
            assert sources[role] == f"arn:aws:{before}{user.inputs['name']}"


def test_policies_fit_into_a_role(graph):
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    assert all(len(policy.inputs["policy"]) <= 10_240 for policy in graph.of_type("RolePolicy"))
    assert all(len(role.inputs["assumeRolePolicy"]) <= 2_048 for role in graph.of_type("Role"))


def test_a_state_machine_may_invoke_exactly_what_its_definition_calls(graph):
    for machine in graph.of_type("StateMachine"):
        called = set(find_all(json.loads(machine.inputs["definition"]), "FunctionName"))
        policy = policy_of(machine, graph)
        (invoke,) = [statement for statement in policy if statement["Action"] == "lambda:InvokeFunction"]
        assert set(listed(invoke["Resource"])) == called
        assert called <= {
            arn("lambda", f"function:{function.inputs['name']}") for function in graph.of_type("Function")
        }


def test_a_state_machine_may_send_exactly_where_its_definition_sends(graph):
    for machine in graph.of_type("StateMachine"):
        urls = set(find_all(json.loads(machine.inputs["definition"]), "QueueUrl"))
        policy = policy_of(machine, graph)
        sent = [statement["Resource"] for statement in policy if statement["Action"] == "sqs:SendMessage"]
        assert sorted(sent) == sorted(arn("sqs", url.rpartition("/")[2]) for url in urls)
        assert urls <= {f"https://sqs.us-east-1.amazonaws.com/123456789012/{name}" for name in graph.names("Queue")}


def test_a_state_machine_may_run_exactly_the_jobs_that_its_definition_runs(graph):
    for machine in graph.of_type("StateMachine"):
        jobs = set(find_all(json.loads(machine.inputs["definition"]), "JobName"))
        runs = [statement for statement in policy_of(machine, graph) if statement["Sid"] == "RunJobs"]
        assert {name for statement in runs for name in listed(statement["Resource"])} == {
            arn("glue", f"job/{job}") for job in jobs
        }
        assert jobs <= graph.names("Job")


def policy_of(machine: Resource, graph: Graph) -> list[dict[str, Any]]:
    role = machine.inputs["roleArn"].rpartition("/")[2]
    (policy,) = [policy for policy in graph.of_type("RolePolicy") if policy.inputs["role"] == role]
    statements: list[dict[str, Any]] = policy.document["Statement"]
    return statements


def find_all(node: object, key: str) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            else:
                yield from find_all(value, key)
    elif isinstance(node, list):
        for item in node:
            yield from find_all(item, key)


def statements_of(role: str, changes: dict[str, object] | None = None) -> dict[str, tuple[list[str], list[str]]]:
    spec = roles_of(context_of(changes))[role]
    return {statement.sid: (list(statement.actions), list(statement.resources)) for statement in spec.statements}


LEDGER = (list(LEDGER_ACTIONS), [arn("dynamodb", "table/data-scout-mock-ledger")])


def logs(function: str) -> tuple[list[str], list[str]]:
    group = arn("logs", f"log-group:/aws/lambda/data-scout-mock-{function}:*")
    return ["logs:CreateLogStream", "logs:PutLogEvents"], [group]


def test_control_uses_the_ledger_and_says_when_messages_come_back():
    assert statements_of("control-role") == {
        "UseLedger": LEDGER,
        "ChangeVisibility": (["sqs:ChangeMessageVisibility"], [arn("sqs", "data-scout-mock-frontier")]),
        "WriteLogs": logs("control"),
    }


def test_mock_reads_and_writes_what_states_do_and_feeds_the_frontier():
    objects = [f"{BUCKET}/{folder}/*" for folder in ("executions", "raw", "extracted", "manifests", "cities", "tests")]
    assert statements_of("mock-role") == {
        "UseLedger": LEDGER,
        "ReadObjects": (["s3:GetObject"], objects),
        "WriteObjects": (["s3:PutObject"], objects),
        "ListObjects": (["s3:ListBucket"], [BUCKET]),
        "SendMessages": (["sqs:SendMessage"], [arn("sqs", "data-scout-mock-frontier")]),
        "WriteLogs": logs("mock"),
    }


def test_tile_sweep_reads_extracts_and_writes_no_results():
    assert statements_of("tile-sweep-role", MIXED) == {
        "UseLedger": LEDGER,
        "ReadObjects": (
            ["s3:GetObject"],
            [
                f"{BUCKET}/executions/*",
                f"{BUCKET}/raw/json/open-data/*",
                f"{BUCKET}/extracted/*",
                f"{BUCKET}/reference/osm/*",
            ],
        ),
        "WriteObjects": (
            ["s3:PutObject"],
            [f"{BUCKET}/executions/*", f"{BUCKET}/raw/json/open-data/*", f"{BUCKET}/extracted/*"],
        ),
        "ListObjects": (["s3:ListBucket"], [BUCKET]),
        "WriteLogs": logs("tile-sweep"),
    }


def test_the_pipe_empties_the_frontier_into_the_express_workflow():
    assert statements_of("frontier-pipe-role") == {
        "ReceiveMessages": (
            ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            [arn("sqs", "data-scout-mock-frontier")],
        ),
        "StartWorkflow": (
            ["states:StartSyncExecution"],
            [arn("states", "stateMachine:data-scout-mock-page-processing")],
        ),
    }


def test_listing_is_bound_to_prefixes_but_missing_keys_are_seen():
    (listing,) = [
        statement for statement in roles_of(context_of())["mock-role"].statements if statement.sid == "ListObjects"
    ]
    # With plain StringLike, GetObject on a missing key would be answered with 403 instead of 404.
    assert list(listing.conditions) == ["StringLikeIfExists"]
    assert listing.conditions["StringLikeIfExists"] == {"s3:prefix": [f"{prefix}*" for prefix in MOCK.reads]}


def test_logs_of_state_machines_may_be_delivered_before_they_are_on():
    """Turned on by an update, they would be refused until IAM has spread a permission that came with them."""
    quiet = roles_of(context_of())
    delivering = {role for role, spec in quiet.items() if "DeliverLogs" in {item.sid for item in spec.statements}}
    assert delivering == {"city-discovery-role", "page-processing-role"}


def test_traces_need_permissions_only_when_they_are_on():
    quiet, loud = roles_of(context_of()), roles_of(context_of(LOUD))

    def extra(role: str) -> set[str]:
        return {item.sid for item in loud[role].statements} - {item.sid for item in quiet[role].statements}

    assert {role: extra(role) for role in quiet} == {
        "control-role": {"SendTraces"},
        "mock-role": {"SendTraces"},
        "city-discovery-role": {"SendTraces"},
        "page-processing-role": {"SendTraces"},
        "frontier-pipe-role": set(),
    }


def test_functions_use_the_buckets_key_through_s3_only():
    graph = build(VARIANTS["kms"])
    users = {
        policy.name: statement
        for policy in graph.of_type("RolePolicy")
        for statement in policy.document["Statement"]
        if statement["Sid"] == "UseKey"
    }
    handing_over = {f"candidate-{stage}-role" for stage in ("etl", "filter", "score", "store", "reactive")}
    assert set(users) == {"mock-role", "candidate-heavy-etl-job-role", *handing_over}
    assert users["mock-role"] == {
        "Sid": "UseKey",
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "arn:aws:kms:us-east-1:123456789012:key/1",
        "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
    }


# The methods of boto3's clients that need an IAM action of another name. A transaction of updates needs UpdateItem.
IAM_ACTIONS = {
    "converse": "bedrock:InvokeModel",
    "search_text": "geo-places:SearchText",
    "get_secret_value": "secretsmanager:GetSecretValue",
    "get_item": "dynamodb:GetItem",
    "query": "dynamodb:Query",
    "update_item": "dynamodb:UpdateItem",
    "transact_write_items": "dynamodb:UpdateItem",
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "put_object": "s3:PutObject",
    "list_objects_v2": "s3:ListBucket",
    "put_item": "dynamodb:PutItem",
    "publish": "sns:Publish",
    "send_message_batch": "sqs:SendMessage",
    "change_message_visibility_batch": "sqs:ChangeMessageVisibility",
}
_CLIENT_HELPERS = {"get_paginator", "meta", "exceptions"}


def test_roles_allow_what_the_functions_call_and_no_more():
    called = set(client_calls())
    # With everything that a function may be given a right for.
    context = context_of(
        {
            "finalization": {"persist": {"postgres": {"secret": "places/database"}}},
            "connectors": {"location": {"enabled": True}},
        }
    )
    granted = {
        action
        for function in (CONTROL, MOCK, *REAL.values(), *FUNCTIONS.values())
        for statement in function.statements(context)
        for action in statement.actions
    }
    assert called
    assert granted == {IAM_ACTIONS[method] for method in called}


def client_calls() -> Iterator[str]:
    """The API methods that the functions' code calls on a boto3 client: attributes of what is called a client."""
    deployed = [path for path in (ROOT / "lambdas").rglob("*.py") if "testing" not in path.parts]
    for path in sorted(deployed):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name.strip("_") not in {"client", "s3", "dynamodb", "sqs", "sns", "secretsmanager"}:
                continue
            if node.func.attr == "get_paginator" and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)
            elif node.func.attr not in _CLIENT_HELPERS:
                yield node.func.attr


def test_the_component_makes_the_roles_it_is_given():
    context = context_of()
    spec = function_role(context, "mock", Statement("Nothing", ("s3:GetObject",), (f"{BUCKET}/x",)))
    graph = record(lambda: WorkflowRoles("roles", WorkflowRolesArgs(context, {"mock-role": spec})))
    role, policy = graph.one("Role"), graph.one("RolePolicy")
    assert role.inputs["name"] == policy.inputs["name"] == policy.inputs["role"] == "data-scout-mock-mock-role"
    assert role.inputs["tags"]["component"] == "workflow-roles"
    assert role.document["Statement"] == [
        {
            "Sid": "AssumeRole",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]
    assert [statement["Sid"] for statement in policy.document["Statement"]] == ["Nothing", "WriteLogs"]
    assert graph.component_outputs["WorkflowRoles roles"] == {
        "roleArns": {"mock-role": "arn:aws:iam::123456789012:role/data-scout-mock-mock-role"}
    }


@given(actions=st.lists(st.sampled_from(LEDGER_ACTIONS), min_size=1, unique=True).map(tuple))
def test_a_document_is_always_the_same_for_the_same_statements(actions):
    statements = [Statement("One", actions, ("arn:aws:s3:::b",), {"Bool": {"aws:SecureTransport": "true"}})]
    assert document(statements) == document(list(statements))
    assert listed(json.loads(document(statements))["Statement"][0]["Action"]) == list(actions)


def test_every_function_has_a_role_and_every_workflow_too():
    context = context_of(MIXED)
    assert set(roles_of(context)) == {
        *(f"{function.name}-role" for function in functions_of(context.settings)),
        *(f"{workflow.definition.name}-role" for workflow in workflows(context)),
        "frontier-pipe-role",
    }
    assert {workflow.definition.name for workflow in workflows(context)} == {CITY, PAGES}
