"""One case for each resource type: what it is made with, what it is changed to, and what the API then says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scout.embedded.resources import JsonObject
    from tests.integration.resources.conftest import World


def _deny(action: str) -> str:
    statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


@dataclass(frozen=True)
class Case:
    """How one type is tried.

    Attributes:
        type: The resource type.
        given: Makes what the resource needs and returns its inputs.
        changes: The inputs that an update sets; None takes one away.
        seen: Asks the API about the resource of that id.
        before: What `seen` finds after the creation.
        after: What `seen` finds after the update.
        removable: False where AWS has no way to take it away.
    """

    type: str
    given: Callable[[World], JsonObject]
    changes: JsonObject
    seen: Callable[[World, str], Any]
    before: Any
    after: Any
    removable: bool = True


def _bucket(world: World) -> str:
    return str(world.make("aws:s3/bucket:Bucket", bucket=f"data-{world.account}")["id"])


def _queue(world: World) -> str:
    return str(world.make("aws:sqs/queue:Queue", name="queue")["url"])


def _queue_arn(world: World, name: str) -> str:
    return str(world.make("aws:sqs/queue:Queue", name=name)["arn"])


def _attributes(world: World, url: str, *names: str) -> JsonObject:
    found = world.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(names)).get("Attributes", {})
    return {name: found.get(name) for name in names}


def _tags_of_bucket(world: World, bucket: str) -> Any:
    return world.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]


def _key_seen(world: World, key: str) -> Any:
    client = world.client("kms")
    return (
        client.describe_key(KeyId=key)["KeyMetadata"]["Description"],
        client.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"],
        client.list_resource_tags(KeyId=key)["Tags"],
    )


def _queue_seen(world: World, url: str) -> Any:
    attributes = _attributes(world, url, "VisibilityTimeout", "MessageRetentionPeriod", "RedriveAllowPolicy")
    return attributes, world.client("sqs").list_queue_tags(QueueUrl=url).get("Tags", {})


def _table_seen(world: World, name: str) -> Any:
    client = world.client("dynamodb")
    table = client.describe_table(TableName=name)["Table"]
    recovery = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return {
        "keys": [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]],
        "billing": table["BillingModeSummary"]["BillingMode"],
        "protected": table["DeletionProtectionEnabled"],
        "recovery": recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "ttl": ttl["TimeToLiveStatus"],
        "tags": client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"],
    }


_TABLE = {"keys": [("run", "HASH"), ("item", "RANGE")], "billing": "PAY_PER_REQUEST"}


def _role_seen(world: World, name: str) -> Any:
    client = world.client("iam")
    role = client.get_role(RoleName=name)["Role"]
    actions = [statement["Action"] for statement in role["AssumeRolePolicyDocument"]["Statement"]]
    tags = client.list_role_tags(RoleName=name)["Tags"]
    return role.get("Description", ""), role["MaxSessionDuration"], actions, tags


def _role_policy_seen(world: World, identifier: str) -> Any:
    role, name = identifier.split(":")
    answer = world.client("iam").get_role_policy(RoleName=role, PolicyName=name)
    return answer["PolicyDocument"]["Statement"][0]["Action"]


def _allow(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _function(world: World) -> JsonObject:
    layer = world.make("aws:lambda/layerVersion:LayerVersion", layerName="core", code=world.archive(shared="N = 1"))
    return {
        "name": "tiles",
        "role": world.role("lambda"),
        "runtime": "python3.13",
        "handler": "code.handler",
        "architectures": ["arm64"],
        "code": world.archive(code="def handler(event, context): return 1"),
        "layers": [layer["arn"]],
        "timeout": 20,
        "environment": {"variables": {"LOG_LEVEL": "INFO"}},
        "tracingConfig": {"mode": "PassThrough"},
        "tags": {"stack": "mock"},
    }


def _function_seen(world: World, name: str) -> Any:
    client = world.client("lambda")
    held = client.get_function(FunctionName=name)
    configuration = held["Configuration"]
    return {
        "timeout": configuration["Timeout"],
        "memory": configuration["MemorySize"],
        "variables": configuration.get("Environment", {}).get("Variables", {}),
        "layers": len(configuration.get("Layers", [])),
        "tracing": configuration["TracingConfig"]["Mode"],
        "disk": configuration["EphemeralStorage"]["Size"],
        "reserved": held.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        "tags": held.get("Tags", {}),
    }


def _log_group_seen(world: World, name: str) -> Any:
    client = world.client("logs")
    group = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]
    arn = group["arn"].removesuffix(":*")
    return group.get("retentionInDays"), client.list_tags_for_resource(resourceArn=arn)["tags"]


def _definition(comment: str) -> str:
    return json.dumps({"Comment": comment, "StartAt": "End", "States": {"End": {"Type": "Succeed"}}})


def _machine_seen(world: World, arn: str) -> Any:
    client = world.client("stepfunctions")
    held = client.describe_state_machine(stateMachineArn=arn)
    tags = client.list_tags_for_resource(resourceArn=arn)["tags"]
    return json.loads(held["definition"])["Comment"], held["type"], held["loggingConfiguration"]["level"], tags


def _pipe(world: World) -> JsonObject:
    machine = world.make(
        "aws:sfn/stateMachine:StateMachine",
        name="pages",
        type="EXPRESS",
        definition=_definition("pages"),
        roleArn=world.role("states"),
    )
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "states:StartSyncExecution"]
    return {
        "name": "frontier",
        "roleArn": world.role("pipes", *actions),
        "source": _queue_arn(world, "frontier"),
        "target": machine["arn"],
        "desiredState": "RUNNING",
        "sourceParameters": {"sqsQueueParameters": {"batchSize": 10, "maximumBatchingWindowInSeconds": 1}},
        "targetParameters": {"stepFunctionStateMachineParameters": {"invocationType": "REQUEST_RESPONSE"}},
        "tags": {"stack": "mock"},
    }


def _pipe_seen(world: World, name: str) -> Any:
    held = world.client("pipes").describe_pipe(Name=name)
    return held["CurrentState"], held["Description"], held["Tags"]


def _rule(name: str, status: str) -> JsonObject:
    pattern = {"source": ["aws.states"], "detail": {"status": [status]}}
    return {"name": name, "eventPattern": json.dumps(pattern), "tags": {"stack": "mock"}}


def _rule_seen(world: World, name: str) -> Any:
    client = world.client("events")
    held = client.describe_rule(Name=name)
    tags = client.list_tags_for_resource(ResourceARN=held["Arn"])["Tags"]
    return json.loads(held["EventPattern"])["detail"]["status"], held["State"], tags


def _target(world: World) -> JsonObject:
    rule = world.make("aws:cloudwatch/eventRule:EventRule", **_rule("failure", "FAILED"))
    transformer = {"inputPaths": {"name": "$.detail.name"}, "inputTemplate": '{"failed": <name>}'}
    arn = _queue_arn(world, "dlq")
    return {"rule": rule["name"], "targetId": "dlq", "arn": arn, "inputTransformer": transformer}


def _target_seen(world: World, identifier: str) -> Any:
    target = world.client("events").list_targets_by_rule(Rule=identifier.split("-", maxsplit=1)[0])["Targets"][0]
    return target["Id"], target.get("InputTransformer", {}).get("InputPathsMap"), target.get("InputPath")


def _object_seen(world: World, identifier: str) -> Any:
    client = world.client("s3")
    bucket, key = identifier.split("/", 1)
    held = client.get_object(Bucket=bucket, Key=key)
    tags = client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    return held["Body"].read().decode(), held["ContentType"], tags


def _job(world: World) -> JsonObject:
    return {
        "name": "rank",
        "description": "one",
        "roleArn": world.role("glue"),
        "command": {"name": "glueetl", "scriptLocation": "s3://scripts/rank.py", "pythonVersion": "3"},
        "glueVersion": "5.1",
        "workerType": "G.1X",
        "numberOfWorkers": 2,
        "timeout": 60,
        "defaultArguments": {"--workflowBucket": "data", "--enable-metrics": "true"},
        "nonOverridableArguments": {"--stage": "rank"},
        "executionProperty": {"maxConcurrentRuns": 3},
        "securityConfiguration": "sealed",
        "tags": {"stack": "mock"},
    }


def _job_seen(world: World, name: str) -> Any:
    client = world.client("glue")
    job = client.get_job(JobName=name)["Job"]
    arn = f"arn:aws:glue:{world.ctx.region}:{world.account}:job/{name}"
    return {
        "description": job.get("Description"),
        "script": job["Command"]["ScriptLocation"],
        "arguments": job.get("DefaultArguments"),
        "fixed": job.get("NonOverridableArguments"),
        "timeout": job["Timeout"],
        "concurrent": job["ExecutionProperty"]["MaxConcurrentRuns"],
        "sealed": job.get("SecurityConfiguration"),
        "tags": client.get_tags(ResourceArn=arn)["Tags"],
    }


def _topic_seen(world: World, arn: str) -> Any:
    client = world.client("sns")
    held = client.get_topic_attributes(TopicArn=arn)["Attributes"]
    tags = client.list_tags_for_resource(ResourceArn=arn)["Tags"]
    action = json.loads(held["Policy"])["Statement"][0]["Action"]
    return held["DisplayName"], held.get("KmsMasterKeyId", ""), action, tags


_TAG = [{"Key": "stack", "Value": "mock"}]
_NEW_TAG = [{"Key": "stage", "Value": "dev"}]
_SEALED = {
    "S3Encryption": [{"S3EncryptionMode": "SSE-KMS", "KmsKeyArn": "arn:aws:kms:::key/1"}],
    "CloudWatchEncryption": {"CloudWatchEncryptionMode": "SSE-KMS", "KmsKeyArn": "arn:aws:kms:::key/1"},
    "JobBookmarksEncryption": {"JobBookmarksEncryptionMode": "DISABLED"},
}

CASES = (
    Case(
        "aws:s3/bucket:Bucket",
        lambda world: {"bucket": f"data-{world.account}", "forceDestroy": True, "tags": {"stack": "mock"}},
        {"tags": {"stage": "dev"}},
        _tags_of_bucket,
        _TAG,
        _NEW_TAG,
    ),
    Case(
        "aws:s3/bucketVersioning:BucketVersioning",
        lambda world: {"bucket": _bucket(world), "versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
        lambda world, name: world.client("s3").get_bucket_versioning(Bucket=name)["Status"],
        "Enabled",
        "Suspended",
        removable=False,
    ),
    Case(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        lambda world: {
            "bucket": _bucket(world),
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        },
        {
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "alias/data"},
                    "bucketKeyEnabled": True,
                }
            ]
        },
        lambda world, name: world.client("s3").get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"][
            "Rules"
        ][0]["ApplyServerSideEncryptionByDefault"],
        {"SSEAlgorithm": "AES256"},
        {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/data"},
        removable=False,
    ),
    Case(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        lambda world: {"bucket": _bucket(world), "blockPublicAcls": True, "blockPublicPolicy": True},
        {"ignorePublicAcls": True, "blockPublicPolicy": None},
        lambda world, name: world.client("s3").get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
        {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False},
        {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": False},
    ),
    Case(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        lambda world: {"bucket": _bucket(world), "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
        lambda world, name: world.client("s3").get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"],
        [{"ObjectOwnership": "BucketOwnerEnforced"}],
        [{"ObjectOwnership": "BucketOwnerPreferred"}],
    ),
    Case(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        lambda world: {
            "bucket": _bucket(world),
            "rules": [
                {
                    "id": "raw",
                    "status": "Enabled",
                    "filter": {"prefix": "raw/"},
                    "expiration": {"days": 30},
                    "noncurrentVersionExpiration": {"noncurrentDays": 7},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
                }
            ],
        },
        {"rules": [{"id": "raw", "status": "Enabled", "filter": {"prefix": "raw/"}, "expiration": {"days": 60}}]},
        lambda world, name: world.client("s3").get_bucket_lifecycle_configuration(Bucket=name)["Rules"],
        [
            {
                "ID": "raw",
                "Status": "Enabled",
                "Filter": {"Prefix": "raw/"},
                "Expiration": {"Days": 30},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            }
        ],
        [{"ID": "raw", "Status": "Enabled", "Filter": {"Prefix": "raw/"}, "Expiration": {"Days": 60}}],
    ),
    Case(
        "aws:s3/bucketPolicy:BucketPolicy",
        lambda world: {"bucket": _bucket(world), "policy": _deny("s3:GetObject")},
        {"policy": _deny("s3:PutObject")},
        lambda world, name: json.loads(world.client("s3").get_bucket_policy(Bucket=name)["Policy"]),
        json.loads(_deny("s3:GetObject")),
        json.loads(_deny("s3:PutObject")),
    ),
    Case(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        lambda world: {
            "bucket": _bucket(world),
            "key": "scripts/rank.py",
            "source": world.file("rank.py", "A = 1\n"),
            "contentType": "text/x-python",
            "tags": {"stack": "mock"},
        },
        {"source": None, "content": "A = 2\n", "sourceHash": "2", "tags": {"stage": "dev"}},
        _object_seen,
        ("A = 1\n", "text/x-python", _TAG),
        ("A = 2\n", "text/x-python", _NEW_TAG),
    ),
    Case(
        "aws:glue/job:Job",
        _job,
        {
            "description": None,
            "command": {"name": "glueetl", "scriptLocation": "s3://scripts/rank-2.py", "pythonVersion": "3"},
            "timeout": None,
            "defaultArguments": {"--workflowBucket": "other"},
            "nonOverridableArguments": None,
            "executionProperty": None,
            "securityConfiguration": None,
            "tags": {"stage": "dev"},
        },
        _job_seen,
        {
            "description": "one",
            "script": "s3://scripts/rank.py",
            "arguments": {"--workflowBucket": "data", "--enable-metrics": "true"},
            "fixed": {"--stage": "rank"},
            "timeout": 60,
            "concurrent": 3,
            "sealed": "sealed",
            "tags": {"stack": "mock"},
        },
        {
            "description": None,
            "script": "s3://scripts/rank-2.py",
            "arguments": {"--workflowBucket": "other"},
            "fixed": None,
            "timeout": 480,
            "concurrent": 1,
            "sealed": None,
            "tags": {"stage": "dev"},
        },
    ),
    Case(
        "aws:glue/securityConfiguration:SecurityConfiguration",
        lambda _: {
            "name": "sealed",
            "encryptionConfiguration": {
                "cloudwatchEncryption": {"cloudwatchEncryptionMode": "SSE-KMS", "kmsKeyArn": "arn:aws:kms:::key/1"},
                "jobBookmarksEncryption": {"jobBookmarksEncryptionMode": "DISABLED"},
                "s3Encryption": {"s3EncryptionMode": "SSE-KMS", "kmsKeyArn": "arn:aws:kms:::key/1"},
            },
        },
        {},
        lambda world, name: world.client("glue").get_security_configuration(Name=name)["SecurityConfiguration"][
            "EncryptionConfiguration"
        ],
        _SEALED,
        _SEALED,
    ),
    Case(
        "aws:sns/topic:Topic",
        lambda world: {
            "name": "alarms",
            "displayName": "Alarms",
            "kmsMasterKeyId": "alias/data",
            "policy": _allow("sns:Publish"),
            "tags": {"stack": "mock"},
        },
        {"displayName": None, "policy": _allow("sns:Subscribe"), "kmsMasterKeyId": None, "tags": {"stage": "dev"}},
        _topic_seen,
        ("Alarms", "alias/data", "sns:Publish", _TAG),
        ("", "", "sns:Subscribe", _NEW_TAG),
    ),
    Case(
        "aws:kms/key:Key",
        lambda _: {"description": "data", "deletionWindowInDays": 7, "tags": {"stack": "mock"}},
        {"description": "all data", "enableKeyRotation": True, "tags": {"stage": "dev"}},
        _key_seen,
        ("data", False, [{"TagKey": "stack", "TagValue": "mock"}]),
        ("all data", True, [{"TagKey": "stage", "TagValue": "dev"}]),
    ),
    Case(
        "aws:sqs/queue:Queue",
        lambda _: {
            "name": "frontier",
            "visibilityTimeoutSeconds": 120,
            "messageRetentionSeconds": 1209600,
            "sqsManagedSseEnabled": True,
            "tags": {"stack": "mock"},
        },
        {
            "visibilityTimeoutSeconds": 180,
            "messageRetentionSeconds": None,
            "redriveAllowPolicy": '{"redrivePermission": "denyAll"}',
            "tags": {"stage": "dev"},
        },
        _queue_seen,
        (
            {"VisibilityTimeout": "120", "MessageRetentionPeriod": "1209600", "RedriveAllowPolicy": None},
            {"stack": "mock"},
        ),
        (
            {
                "VisibilityTimeout": "180",
                "MessageRetentionPeriod": "345600",
                "RedriveAllowPolicy": '{"redrivePermission": "denyAll"}',
            },
            {"stage": "dev"},
        ),
    ),
    Case(
        "aws:sqs/queuePolicy:QueuePolicy",
        lambda world: {"queueUrl": _queue(world), "policy": _deny("sqs:PurgeQueue")},
        {"policy": _deny("sqs:ReceiveMessage")},
        lambda world, url: _attributes(world, url, "Policy")["Policy"],
        _deny("sqs:PurgeQueue"),
        _deny("sqs:ReceiveMessage"),
    ),
    Case(
        "aws:sqs/redrivePolicy:RedrivePolicy",
        lambda world: {
            "queueUrl": _queue(world),
            "redrivePolicy": json.dumps({"deadLetterTargetArn": _queue_arn(world, "dlq"), "maxReceiveCount": 5}),
        },
        {},
        lambda world, url: json.loads(_attributes(world, url, "RedrivePolicy")["RedrivePolicy"])["maxReceiveCount"],
        5,
        5,
    ),
    Case(
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
        lambda world: {"queueUrl": _queue(world), "redriveAllowPolicy": '{"redrivePermission": "denyAll"}'},
        {"redriveAllowPolicy": '{"redrivePermission": "allowAll"}'},
        lambda world, url: _attributes(world, url, "RedriveAllowPolicy")["RedriveAllowPolicy"],
        '{"redrivePermission": "denyAll"}',
        '{"redrivePermission": "allowAll"}',
    ),
    Case(
        "aws:dynamodb/table:Table",
        lambda _: {
            "name": "ledger",
            "billingMode": "PAY_PER_REQUEST",
            "hashKey": "run",
            "rangeKey": "item",
            "attributes": [{"name": "run", "type": "S"}, {"name": "item", "type": "S"}],
            "ttl": {"attributeName": "expires_at", "enabled": True},
            "pointInTimeRecovery": {"enabled": True},
            "tags": {"stack": "mock"},
        },
        {"pointInTimeRecovery": {"enabled": False}, "ttl": None, "tags": {"stage": "dev"}},
        _table_seen,
        _TABLE | {"protected": False, "recovery": "ENABLED", "ttl": "ENABLED", "tags": _TAG},
        _TABLE | {"protected": False, "recovery": "DISABLED", "ttl": "DISABLED", "tags": _NEW_TAG},
    ),
    Case(
        "aws:iam/role:Role",
        lambda _: {"name": "control", "description": "one", "assumeRolePolicy": TRUST, "tags": {"stack": "mock"}},
        {
            "description": None,
            "maxSessionDuration": 7200,
            "assumeRolePolicy": TRUST.replace("sts:AssumeRole", "sts:TagSession"),
            "tags": {"stage": "dev"},
        },
        _role_seen,
        ("one", 3600, ["sts:AssumeRole"], _TAG),
        ("", 7200, ["sts:TagSession"], _NEW_TAG),
    ),
    Case(
        "aws:iam/rolePolicy:RolePolicy",
        lambda world: {
            "name": "allowed",
            "role": world.make("aws:iam/role:Role", name="control", assumeRolePolicy=TRUST)["id"],
            "policy": _allow("s3:GetObject"),
        },
        {"policy": _allow("s3:PutObject")},
        _role_policy_seen,
        "s3:GetObject",
        "s3:PutObject",
    ),
    Case(
        "aws:lambda/function:Function",
        _function,
        {
            "timeout": 30,
            "memorySize": 512,
            "environment": {"variables": {"LOG_LEVEL": "DEBUG"}},
            "layers": [],
            "tracingConfig": {"mode": "Active"},
            "ephemeralStorage": {"size": 1024},
            "reservedConcurrentExecutions": 4,
            "tags": {"stage": "dev"},
        },
        _function_seen,
        {
            "timeout": 20,
            "memory": 128,
            "variables": {"LOG_LEVEL": "INFO"},
            "layers": 1,
            "tracing": "PassThrough",
            "disk": 512,
            "reserved": None,
            "tags": {"stack": "mock"},
        },
        {
            "timeout": 30,
            "memory": 512,
            "variables": {"LOG_LEVEL": "DEBUG"},
            "layers": 0,
            "tracing": "Active",
            "disk": 1024,
            "reserved": 4,
            "tags": {"stage": "dev"},
        },
    ),
    Case(
        "aws:cloudwatch/logGroup:LogGroup",
        lambda _: {"name": "/aws/lambda/control", "retentionInDays": 14, "tags": {"stack": "mock"}},
        {"retentionInDays": None, "tags": {"stage": "dev"}},
        _log_group_seen,
        (14, {"stack": "mock"}),
        (None, {"stage": "dev"}),
    ),
    Case(
        "aws:sfn/stateMachine:StateMachine",
        lambda world: {
            "name": "city",
            "type": "STANDARD",
            "definition": _definition("one"),
            "roleArn": world.role("states"),
            "tags": {"stack": "mock"},
        },
        {
            "definition": _definition("two"),
            "loggingConfiguration": {
                "level": "ALL",
                "includeExecutionData": True,
                "logDestination": "arn:aws:logs:us-east-1:1:log-group:x:*",
            },
            "tags": {"stage": "dev"},
        },
        _machine_seen,
        ("one", "STANDARD", "OFF", [{"key": "stack", "value": "mock"}]),
        ("two", "STANDARD", "ALL", [{"key": "stage", "value": "dev"}]),
    ),
    Case(
        "aws:pipes/pipe:Pipe",
        _pipe,
        {"description": "held", "desiredState": "STOPPED", "tags": {"stage": "dev"}},
        _pipe_seen,
        ("RUNNING", "", {"stack": "mock"}),
        ("STOPPED", "held", {"stage": "dev"}),
    ),
    Case(
        "aws:cloudwatch/eventRule:EventRule",
        lambda _: _rule("failure", "FAILED"),
        {"eventPattern": _rule("", "TIMED_OUT")["eventPattern"], "state": "DISABLED", "tags": {"stage": "dev"}},
        _rule_seen,
        (["FAILED"], "ENABLED", _TAG),
        (["TIMED_OUT"], "DISABLED", _NEW_TAG),
    ),
    Case(
        "aws:cloudwatch/eventTarget:EventTarget",
        _target,
        {"inputTransformer": None, "inputPath": "$.detail"},
        _target_seen,
        ("dlq", {"name": "$.detail.name"}, None),
        ("dlq", None, "$.detail"),
    ),
)
"""`aws:kms/alias:Alias` and `aws:lambda/layerVersion:LayerVersion` have tests of their own."""
