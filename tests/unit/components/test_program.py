"""The whole program, for each committed stack: what it makes, from what, and what it refuses."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pulumi
import pytest
from syrupy.extensions.json import JSONSnapshotExtension

from components.city_discovery import workflows
from components.city_functions import REAL
from tests.unit.pulumi_support import ROOT, Graph, Resource, context_of, run_program
from workflow.city_states import PHASES, CityState, Phase
from workflow.definition import render
from workflow.rules import DefinitionError

STACKS = ("mock", "dev", "mixed-mock-real")
COUNTS = {
    "Bucket": 1, "BucketVersioning": 1, "BucketServerSideEncryptionConfiguration": 1, "BucketPublicAccessBlock": 1,
    "BucketOwnershipControls": 1, "BucketLifecycleConfiguration": 1, "BucketPolicy": 1, "BucketObjectv2": 2, "Queue": 7,
    "QueuePolicy": 7, "Table": 2, "Role": 15, "RolePolicy": 15, "LogGroup": 9, "LayerVersion": 2, "Function": 7,
    "StateMachine": 4, "Pipe": 3, "EventRule": 2, "EventTarget": 2, "Job": 1, "Topic": 1,
}  # fmt: skip
MORE = {
    "mock": {},
    "dev": {"LogGroup": 4},
    "mixed-mock-real": {
        "Function": 5,
        "LayerVersion": 5,
        "LogGroup": 7,
        "Role": 6,
        "RolePolicy": 6,
        "Job": 1,
        "BucketObjectv2": 3,
    },
}
# Attached to a resource that has tags, or without tags in the API.
UNTAGGED = {
    "BucketVersioning", "BucketServerSideEncryptionConfiguration", "BucketPublicAccessBlock", "BucketOwnershipControls",
    "BucketLifecycleConfiguration", "BucketPolicy", "QueuePolicy", "RolePolicy", "LayerVersion", "EventTarget",
}  # fmt: skip


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def graph(stack: str) -> Graph:
    return run_program(stack)


def kind(resource: Resource) -> str:
    return resource.type.rpartition(":")[2]


def test_what_a_stack_is_made_of(stack, graph):
    made = Counter(kind(resource) for resource in graph.resources if resource.type.startswith("aws:"))
    assert made == Counter(COUNTS) + Counter(MORE[stack])
    components = Counter(kind(resource) for resource in graph.resources if not resource.type.startswith("aws:"))
    assert components == {
        "CityDiscovery": 1,
        "CandidatePipelines": 1,
        "WorkflowBucket": 1,
        "FunctionLayers": 1,
        "SourceQueue": 3,
        "DeadLetterQueue": 4,
        "RunLedger": 1,
        "WorkflowRoles": 4 + len(graph.of_type("Job")),
        "StageFunction": len(graph.of_type("Function")),
        "GlueJob": len(graph.of_type("Job")),
        "WorkflowMachine": 4,
        "WorkflowPipeline": 2,
    }


def test_every_component_registers_what_it_made(graph):
    components = {f"{kind(item)} {item.name}" for item in graph.resources if not item.type.startswith("aws:")}
    assert set(graph.component_outputs) == components
    assert all(graph.component_outputs.values())


def test_every_resource_belongs_to_a_component(graph):
    components = {f"{kind(item)} {item.name}" for item in graph.resources if not item.type.startswith("aws:")}
    assert {item.parent for item in graph.resources if item.type.startswith("aws:")} <= components


def test_names_are_explicit_and_carry_the_stack(stack, graph):
    fields = {"Bucket": "bucket", "LayerVersion": "layerName"}
    prefix = re.compile(
        rf"^(/aws/lambda/|/aws/vendedlogs/states/|/aws-glue/)?data-scout-{stack}-[a-z0-9-]+(/error|/output)?$"
    )
    kinds = {*COUNTS} - UNTAGGED - {"BucketObjectv2"} | {"RolePolicy", "LayerVersion"}
    named = [item for item in graph.resources if kind(item) in kinds]
    assert len(named) > 15
    assert not [item for item in named if not prefix.match(item.inputs[fields.get(kind(item), "name")])]


def test_every_resource_that_can_be_tagged_says_whose_it_is(stack, graph):
    for item in graph.resources:
        if item.type.startswith("aws:") and kind(item) not in UNTAGGED:
            tags = item.inputs["tags"]
            assert {key: tags[key] for key in ("project", "stack", "owner", "cost-center")} == {
                "project": "data-scout",
                "stack": stack,
                "owner": "data-scout",
                "cost-center": "data-scout",
            }
            assert tags["component"], item.name


def test_exports(stack, graph):
    queue = f"https://sqs.us-east-1.amazonaws.com/123456789012/data-scout-{stack}"
    machine = f"arn:aws:states:us-east-1:123456789012:stateMachine:data-scout-{stack}"
    modes = dict.fromkeys(CityState, "mock")
    if stack == "mixed-mock-real":
        modes |= dict.fromkeys((CityState.TILE_SWEEP, *PHASES[Phase.FINALIZATION]), "real")
    assert graph.resources
    assert graph.exports.pop("pipelines") == {
        "candidate-realtime": {
            "arn": f"{machine}-candidate-realtime",
            "type": "EXPRESS",
            "migrationMode": "S3",
            "batchSize": 5,
            "stages": ["ETLStage", "FilterStage", "ScoreStage", "StoreStage", "ReactiveStage"],
            "legacyStages": [],
            "pipeName": f"data-scout-{stack}-candidate-realtime-pipe",
            "queueUrl": f"{queue}-candidate-realtime-queue",
            "dlqUrl": f"{queue}-candidate-realtime-queue-dlq",
        },
        "candidate-batch": {
            "arn": f"{machine}-candidate-batch",
            "type": "STANDARD",
            "migrationMode": "S3",
            "batchSize": 1,
            "stages": ["ETLStage", "FilterStage", "HeavyETLStage", "ScoreStage", "StoreStage", "ReactiveStage"],
            "legacyStages": [],
            "pipeName": f"data-scout-{stack}-candidate-batch-pipe",
            "queueUrl": f"{queue}-candidate-batch-queue",
            "dlqUrl": f"{queue}-candidate-batch-queue-dlq",
            "failureQueueUrl": f"{queue}-candidate-batch-failures",
        },
    }
    assert graph.exports == {
        "region": "us-east-1",
        "bucketName": f"data-scout-{stack}-data-123456789012",
        "frontierQueueUrl": f"{queue}-frontier",
        "frontierDlqUrl": f"{queue}-frontier-dlq",
        "ledgerTableName": f"data-scout-{stack}-ledger",
        "cityDiscoveryArn": f"{machine}-city-discovery",
        "pageProcessingArn": f"{machine}-page-processing",
        "pipeName": f"data-scout-{stack}-frontier",
        "stateModes": modes,
    }


def test_one_function_serves_all_mock_states(stack, graph):
    real = {"tile-sweep", "dedupe-canonicalize", "persist", "rank", "finalize"}
    expected = {"control", "mock"} | (real if stack == "mixed-mock-real" else set())
    city = {name for name in graph.names("Function") if "-candidate-" not in name}
    assert city == {f"data-scout-{stack}-{name}" for name in expected}


def test_tile_sweep_is_called_where_it_is_real_and_has_what_it_needs():
    graph = run_program("mixed-mock-real")
    definition = json.loads(graph.one("StateMachine", "city-discovery").inputs["definition"])
    called = {
        name: state["Parameters"]["FunctionName"].rpartition(":")[2]
        for name, state in definition["States"].items()
        if name in set(CityState)
    }
    assert called == {
        "DiscoverWebSources": "data-scout-mixed-mock-real-mock",
        "DiscoverTargets": "data-scout-mixed-mock-real-mock",
        "SeedPrimaries": "data-scout-mixed-mock-real-mock",
        "ExpandNeighbors": "data-scout-mixed-mock-real-mock",
        "TileSweep": "data-scout-mixed-mock-real-tile-sweep",
        "DedupeCanonicalize": "data-scout-mixed-mock-real-dedupe-canonicalize",
        "Persist": "data-scout-mixed-mock-real-persist",
        "Rank": "data-scout-mixed-mock-real-rank",
        "Finalize": "data-scout-mixed-mock-real-finalize",
    }
    function = graph.one("Function", "tile-sweep").inputs
    assert function["handler"] == "lambdas.tile_sweep.handler.handler"
    assert [layer.split(":")[-2] for layer in function["layers"]] == [
        "data-scout-mixed-mock-real-core",
        "data-scout-mixed-mock-real-osm",
        "data-scout-mixed-mock-real-web",
        "data-scout-mixed-mock-real-overture",
    ]
    assert function["reservedConcurrentExecutions"] == 6
    assert (function["timeout"], function["memorySize"]) == (300, 2048)


@pytest.mark.parametrize("said", [{}, {"endpoint_url": "https://places.example.org"}, {"enabled": True}])
def test_amazon_location_may_be_asked_only_where_it_is_turned_on(said):
    states = dict.fromkeys(CityState, "real")
    config = {"data-scout:states": json.dumps(states), "data-scout:connectors": json.dumps({"location": said})}
    policy = json.loads(
        run_program("mixed-mock-real", config=config).one("RolePolicy", "geocode-validate-role").inputs["policy"]
    )
    asking = [one for one in policy["Statement"] if "geo-places" in json.dumps(one)]
    assert [(one["Action"], one["Resource"]) for one in asking] == (
        [("geo-places:SearchText", "arn:aws:geo-places:us-east-1::provider/default")] if said.get("enabled") else []
    )


def test_reserving_concurrency_can_be_left_to_the_account():
    graph = run_program("mixed-mock-real", config={"data-scout:lambda": '{"reserve_concurrency": false}'})
    assert {item.inputs["reservedConcurrentExecutions"] for item in graph.of_type("Function")} == {-1}


def test_concurrency_and_tasks_follow_the_config():
    graph = run_program(
        "mixed-mock-real",
        config={
            "data-scout:concurrency": '{"maps.tile_sweep": 2}',
            "data-scout:retry": '{"Rank": {"max_attempts": 7, "backoff_rate": "1.5"}}',
            "data-scout:frontier": '{"batch_size": 4, "max_receive_count": 9}',
        },
    )
    assert graph.one("Function", "tile-sweep").inputs["reservedConcurrentExecutions"] == 2
    city = json.loads(graph.one("StateMachine", "city-discovery").inputs["definition"])
    assert [(retry["MaxAttempts"], retry["BackoffRate"]) for retry in city["States"]["Rank"]["Retry"]][-1] == (7, 1.5)
    pages = json.loads(graph.one("StateMachine", "page-processing").inputs["definition"])
    assert pages["States"]["ProcessMessages"]["MaxConcurrency"] == 4
    assert graph.one("Pipe", "page-processing").inputs["sourceParameters"]["sqsQueueParameters"]["batchSize"] == 4
    assert graph.one("Function", "control").inputs["environment"]["variables"]["MAX_RECEIVE_COUNT"] == "9"


def test_functions_know_where_everything_is(stack, graph):
    for function in graph.of_type("Function"):
        variables = function.inputs["environment"]["variables"]
        if "-candidate-" in function.inputs["name"]:
            assert variables["CANDIDATES_TABLE"] == f"data-scout-{stack}-candidates"
            assert variables["NOTIFICATIONS_TOPIC_ARN"].endswith(f":data-scout-{stack}-notifications")
            continue
        assert variables["WORKFLOW_BUCKET"] == f"data-scout-{stack}-data-123456789012"
        assert variables["LEDGER_TABLE"] == f"data-scout-{stack}-ledger"
        assert variables["FRONTIER_QUEUE_URL"].endswith(f"/data-scout-{stack}-frontier")
        assert sum(len(key) + len(value) for key, value in variables.items()) < 4096
        assert ("STATE_MODES" in variables) == (function.name == "control")
    control = graph.one("Function", "control").inputs["environment"]["variables"]
    assert list(json.loads(control["STATE_MODES"])) == list(CityState)
    assert set(json.loads(control["VERSIONS"])) == {"program", "city-discovery", "page-processing"}


def test_the_pipe_feeds_the_express_workflow(graph):
    machine = graph.one("StateMachine", "page-processing")
    assert machine.inputs["type"] == "EXPRESS"
    assert graph.one("StateMachine", "city-discovery").inputs["type"] == "STANDARD"
    assert graph.one("Pipe", "page-processing").inputs["target"].endswith(machine.inputs["name"])
    # Six times the 300 s that an Express execution may take.
    assert graph.one("Queue", "frontier").inputs["visibilityTimeoutSeconds"] == 1800


def test_what_is_deployed_is_what_was_checked():
    context = context_of()
    rendered = {workflow.definition.name: render(workflow.definition) for workflow in workflows(context)}
    graph = run_program("mock")
    definitions = {item.name: item.inputs["definition"] for item in graph.of_type("StateMachine")}
    assert definitions.items() >= rendered.items()
    assert definitions.keys() - rendered.keys() == {"candidate-realtime", "candidate-batch"}


def test_a_definition_that_breaks_a_rule_stops_the_program_before_it_makes_anything():
    pages = ("WebFetch", "ExtractWithLLM", "GeocodeValidate")
    with pytest.raises(DefinitionError, match=r"page-processing: state 'ProcessMessages'"):
        run_program("mock", config={"data-scout:retry": json.dumps({name: {"max_attempts": 10} for name in pages})})


def test_all_real_has_a_function_for_each_state_and_no_mock():
    graph = run_program("all-real")
    functions = {spec.name for spec in REAL.values()}
    assert len(functions) == len(CityState)
    city = {name for name in graph.names("Function") if "-candidate-" not in name}
    assert city == {f"data-scout-all-real-{name}" for name in functions | {"control"}}
    assert graph.exports["stateModes"] == dict.fromkeys(CityState, "real")


def test_the_states_of_discovery_have_what_they_need_and_one_alone_the_key_of_the_search():
    said = {"tavily": {"secret": "search/key"}, "contact": "mailto:ops@example.org"}
    graph = run_program("all-real", config={"data-scout:connectors": json.dumps(said)})
    layers = {
        name: [layer.split(":")[-2].rpartition("-")[2] for layer in graph.one("Function", name).inputs["layers"]]
        for name in ("discover-web-sources", "discover-targets", "seed-primaries", "expand-neighbors")
    }
    assert layers == {
        "discover-web-sources": ["core", "web", "wiki"],
        "discover-targets": ["core", "web"],
        "seed-primaries": ["core", "places", "web", "wiki"],
        "expand-neighbors": ["core", "web"],
    }
    for name in layers:
        variables = graph.one("Function", name).inputs["environment"]["variables"]
        assert json.loads(variables["CONNECTORS"]) == said
    reading = [
        role.name for role in graph.of_type("RolePolicy") if "secretsmanager:GetSecretValue" in role.inputs["policy"]
    ]
    assert reading == ["discover-web-sources-role"]


def test_archives_are_found_from_the_programs_folder(graph):
    archives = [item.inputs["code"] for item in (*graph.of_type("Function"), *graph.of_type("LayerVersion"))]
    assert all(isinstance(archive, pulumi.FileArchive) for archive in archives)
    assert all(archive.path.startswith(".build/") and (ROOT / archive.path).is_file() for archive in archives)


def test_the_program_runs_in_a_preview_where_nothing_exists_yet(stack, graph):
    preview = run_program(stack, preview=True)
    assert labels(preview) == labels(graph)
    for made, planned in zip(by_label(graph), by_label(preview), strict=True):
        known = {key: value for key, value in planned.inputs.items() if not is_unknown(value)}
        assert comparable(known) == comparable({key: made.inputs[key] for key in known}), made.name
    # What a reviewer looks at is known before the first deploy.
    for machine in preview.of_type("StateMachine"):
        assert json.loads(machine.inputs["definition"])["States"]
    for policy in preview.of_type("RolePolicy"):
        assert policy.document["Statement"]
    assert is_unknown(preview.one("Pipe", "page-processing").inputs["source"])


def labels(graph: Graph) -> list[str]:
    return [f"{item.type} {item.name}" for item in by_label(graph)]


def by_label(graph: Graph) -> list[Resource]:
    return sorted(graph.resources, key=lambda item: (item.type, item.name))


def is_unknown(value: object) -> bool:
    if isinstance(value, dict):
        return any(is_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(is_unknown(item) for item in value)
    return isinstance(value, pulumi.output.Unknown)


def comparable(inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.path if isinstance(value, pulumi.FileArchive | pulumi.FileAsset) else value
        for key, value in sorted(inputs.items())
    }


def test_two_runs_ask_for_the_same(stack, graph):
    again = run_program(stack)
    assert [comparable(item.inputs) for item in by_label(again)] == [
        comparable(item.inputs) for item in by_label(graph)
    ]


def test_the_resource_graph(graph, snapshot):
    document = [
        {
            "type": item.type,
            "name": item.name,
            "parent": item.parent,
            "dependsOn": sorted(item.depends_on),
            "inputs": readable(comparable(item.inputs)),
        }
        for item in by_label(graph)
    ]
    assert document == snapshot(extension_class=JSONSnapshotExtension)


def readable(inputs: dict[str, Any]) -> dict[str, Any]:
    """Inputs as a reviewer reads them: policies as data, and marks for what other tests are about."""
    marked = {key: f"<{key}>" for key in ("definition", "sourceCodeHash") if key in inputs}
    documents: dict[str, Any] = {
        key: json.loads(inputs[key])
        for key in ("policy", "assumeRolePolicy", "redrivePolicy", "redriveAllowPolicy", "eventPattern")
        if key in inputs
    }
    if "VERSIONS" in inputs.get("environment", {}).get("variables", {}):
        variables = inputs["environment"]["variables"] | {"VERSIONS": "<VERSIONS>"}
        documents["environment"] = {"variables": variables}
    return inputs | marked | documents


def test_the_program_is_short():
    assert len((ROOT / "__main__.py").read_text().splitlines()) < 80


def test_the_states_of_finalization_have_what_they_need_and_know_what_the_stack_says():
    said = {"persist": {"postgres": {"secret": "places/db"}}, "rank": {"max_primaries": 50}}
    graph = run_program("mixed-mock-real", config={"data-scout:finalization": json.dumps(said)})
    layers = {
        name: [layer.split(":")[-2].rpartition("-")[2] for layer in graph.one("Function", name).inputs["layers"]]
        for name in ("dedupe-canonicalize", "persist", "rank", "finalize")
    }
    assert layers == {
        "dedupe-canonicalize": ["core", "places"],
        "persist": ["core", "places", "parquet", "postgres"],
        "rank": ["core", "places", "parquet"],
        "finalize": ["core", "places", "web"],
    }
    for name in layers:
        variables = graph.one("Function", name).inputs["environment"]["variables"]
        assert json.loads(variables["FINALIZATION"]) == said
    policies = {
        name: json.loads(graph.one("RolePolicy", f"{name}-role").inputs["policy"])["Statement"] for name in layers
    }
    secrets = {name: [one for one in policies[name] if one["Sid"] == "ReadSecrets"] for name in layers}
    assert [name for name, found in secrets.items() if found] == ["persist"]
    assert secrets["persist"][0]["Resource"].endswith(":secret:places/db-??????")


def test_without_a_database_no_function_reads_secrets(graph):
    assert not any("secretsmanager" in policy.inputs["policy"] for policy in graph.of_type("RolePolicy"))
