"""WorkflowBucket: private, encrypted, TLS only, and forgetting on time."""

from __future__ import annotations

import pytest

from components.workflow_bucket import WorkflowBucket, WorkflowBucketArgs
from lambdas.contracts.connectors import Connector
from lambdas.runtime import keys
from tests.unit.pulumi_support import Graph, context_of, record

BUCKET = "data-scout-mock-data-123456789012"
BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"


def build(**changes: object) -> Graph:
    context = context_of(changes)
    return record(lambda: WorkflowBucket("data", WorkflowBucketArgs(context)))


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build()


def test_it_is_one_bucket_with_its_settings_and_no_key(graph):
    assert sorted(resource.type.rpartition(":")[2] for resource in graph.resources) == [
        "Bucket",
        "BucketLifecycleConfiguration",
        "BucketOwnershipControls",
        "BucketPolicy",
        "BucketPublicAccessBlock",
        "BucketServerSideEncryptionConfiguration",
        "BucketVersioning",
        "WorkflowBucket",
    ]
    assert graph.component_outputs == {"WorkflowBucket data": {"name": BUCKET, "arn": BUCKET_ARN}}
    assert {resource.parent for resource in graph.resources if resource.type.startswith("aws:")} == {
        "WorkflowBucket data"
    }


def test_its_name_and_tags_are_explicit(graph):
    inputs = graph.one("Bucket").inputs
    assert inputs["bucket"] == BUCKET
    assert inputs["tags"] == {
        "project": "data-scout",
        "stack": "mock",
        "component": "workflow-bucket",
        "owner": "data-scout",
        "cost-center": "data-scout",
    }


def test_nobody_outside_gets_at_it(graph):
    block = graph.one("BucketPublicAccessBlock").inputs
    assert [block[key] for key in block if key != "bucket"] == [True] * 4
    assert graph.one("BucketOwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_it_takes_tls_from_1_2_only(graph):
    statements = graph.one("BucketPolicy").document["Statement"]
    assert [(statement["Effect"], statement["Principal"], statement["Condition"]) for statement in statements] == [
        ("Deny", "*", {"Bool": {"aws:SecureTransport": "false"}}),
        ("Deny", "*", {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
    ]
    assert all(statement["Resource"] == [BUCKET_ARN, f"{BUCKET_ARN}/*"] for statement in statements)


def test_it_keeps_versions_and_encrypts_with_s3s_own_key(graph):
    assert graph.one("BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert graph.one("BucketServerSideEncryptionConfiguration").inputs["rules"] == [
        {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": False}
    ]


def expirations(graph: Graph) -> dict[str, int]:
    rules = graph.one("BucketLifecycleConfiguration").inputs["rules"]
    return {rule["filter"]["prefix"]: rule["expiration"]["days"] for rule in rules if "days" in rule["expiration"]}


@pytest.mark.property(7)
def test_the_days_of_each_prefix(graph):
    assert expirations(graph) == {
        "executions/": 7,
        "glue-temp/": 7,
        "raw/json/google/": 30,
        "raw/json/open-data/": 90,
        "raw/json/llm/": 90,
        "raw/html/": 90,
        "extracted/": 90,
        "manifests/": 90,
    }
    rules = graph.one("BucketLifecycleConfiguration").inputs["rules"]
    assert all(rule["status"] == "Enabled" for rule in rules)
    assert len({rule["id"] for rule in rules}) == len(rules)


def test_what_is_left_behind_goes_too(graph):
    (rule,) = [
        rule
        for rule in graph.one("BucketLifecycleConfiguration").inputs["rules"]
        if rule["filter"]["prefix"] == "" and rule["id"] == "left-behind"
    ]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 7}
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 1}
    assert rule["expiration"] == {"expiredObjectDeleteMarker": True}


def test_there_are_versions_before_there_are_rules_for_them(graph):
    assert "BucketVersioning data" in graph.one("BucketLifecycleConfiguration").depends_on


def test_google_data_does_not_outlive_its_expiration_as_a_noncurrent_version_for_a_week(graph):
    (rule,) = [
        rule
        for rule in graph.one("BucketLifecycleConfiguration").inputs["rules"]
        if rule["filter"]["prefix"] == "raw/json/google/"
    ]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 1}


def test_the_days_come_from_the_config():
    graph = build(lifecycle={"executions": 3, "raw_google": 10, "noncurrent_versions": 2, "incomplete_uploads": 4})
    days = expirations(graph)
    assert (days["executions/"], days["raw/json/google/"], days["extracted/"]) == (3, 10, 90)
    left_behind = graph.one("BucketLifecycleConfiguration").inputs["rules"][-1]
    assert left_behind["noncurrentVersionExpiration"] == {"noncurrentDays": 2}
    assert left_behind["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 4}


def test_every_key_that_a_run_writes_expires_except_results(graph):
    prefixes = [prefix for prefix in expirations(graph) if prefix]
    written = {
        keys.stage_output("run-1", "Rank"): "executions/",
        keys.raw_json(Connector.GOOGLE_NEARBY, "edinburgh", "0" * 64): "raw/json/google/",
        keys.raw_json(Connector.OVERPASS, "edinburgh", "0" * 64): "raw/json/open-data/",
        keys.raw_json(Connector.LLM_TOKENS, "edinburgh", "0" * 64): "raw/json/llm/",
        keys.raw_html("edinburgh", "example.org", "0" * 64): "raw/html/",
        keys.extracted("edinburgh", "run-1", "0" * 64): "extracted/",
        keys.manifest("edinburgh", "run-1"): "manifests/",
        keys.targets("edinburgh"): "manifests/",
    }
    assert {key: [prefix for prefix in prefixes if key.startswith(prefix)] for key in written} == {
        key: [prefix] for key, prefix in written.items()
    }
    results = [keys.places("edinburgh", "run-1"), keys.places_geojson("edinburgh", "run-1"), keys.latest("cities/e/t/")]
    assert not [key for key in results if key.startswith(tuple(prefixes))]


@pytest.mark.parametrize("allowed", [True, False])
def test_only_by_flag_is_it_destroyed_with_its_objects(allowed):
    assert build(force_destroy=allowed).one("Bucket").inputs["forceDestroy"] is allowed


def test_a_key_of_its_own_by_flag():
    graph = build(encryption={"kms": True})
    key = graph.one("Key")
    assert key.inputs["enableKeyRotation"] is True
    assert key.inputs["deletionWindowInDays"] == 30
    assert graph.one("Alias").inputs == {"name": "alias/data-scout-mock-data", "targetKeyId": "1"}
    arn = "arn:aws:kms:us-east-1:123456789012:key/1"
    assert graph.one("BucketServerSideEncryptionConfiguration").inputs["rules"] == [
        {
            "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": arn},
            "bucketKeyEnabled": True,
        }
    ]
    assert graph.component_outputs["WorkflowBucket data"]["keyArn"] == arn


@pytest.mark.parametrize("allowed", [True, False])
def test_the_key_stays_as_long_as_objects_may_need_it(allowed):
    assert build(encryption={"kms": True}, force_destroy=allowed).one("Key").retained is not allowed


def test_the_key_is_used_through_s3_only_and_its_managers_do_not_use_it():
    manage, use = build(encryption={"kms": True}).one("Key").document["Statement"]
    assert use["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert use["Condition"]["StringEquals"] == {
        "kms:CallerAccount": "123456789012",
        "kms:ViaService": "s3.us-east-1.amazonaws.com",
    }
    assert {"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"} <= set(manage["Action"])
    assert not set(use["Action"]) & set(manage["Action"])
    assert not [action for action in manage["Action"] if "*" in action]
