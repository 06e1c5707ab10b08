"""A small stack with one of each kind of dependency."""

import json

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
account = aws.get_caller_identity().account_id
name = f"shop-{pulumi.get_stack()}"
tags = {"stack": pulumi.get_stack()}


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(*actions: str) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def no_plain_http(arn: str) -> str:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def definition(arn: str) -> str:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "OutputPath": "$.Payload",
        "End": True,
        "Parameters": {"FunctionName": arn, "Payload.$": "$"},
    }
    return json.dumps({"StartAt": "Work", "States": {"Work": task}})


def failures_of(arn: str) -> str:
    return json.dumps({"source": ["aws.states"], "detail": {"stateMachineArn": [arn], "status": ["FAILED"]}})


class Storage(pulumi.ComponentResource):
    def __init__(self) -> None:
        super().__init__("shop:index:Storage", "storage")
        child = pulumi.ResourceOptions(parent=self)
        self.bucket = aws.s3.Bucket(
            "bucket", bucket=f"{name}-{config.require('bucket')}-{account}", force_destroy=True, tags=tags, opts=child
        )
        aws.s3.BucketVersioning(
            "versioning", bucket=self.bucket.id, versioning_configuration={"status": "Enabled"}, opts=child
        )
        aws.s3.BucketPolicy("policy", bucket=self.bucket.id, policy=self.bucket.arn.apply(no_plain_http), opts=child)
        self.dlq = aws.sqs.Queue("dlq", name=f"{name}-dlq", tags=tags, opts=child)
        self.queue = aws.sqs.Queue(
            "queue",
            name=f"{name}-queue",
            tags=tags,
            opts=child,
            visibility_timeout_seconds=config.require_int("visibility"),
            redrive_policy=self.dlq.arn.apply(lambda a: json.dumps({"deadLetterTargetArn": a, "maxReceiveCount": 5})),
        )
        self.register_outputs({"bucket": self.bucket.id})


storage = Storage()
table = aws.dynamodb.Table(
    "table",
    name=f"{name}-table",
    billing_mode="PAY_PER_REQUEST",
    hash_key="run",
    attributes=[{"name": "run", "type": "S"}],
    ttl={"attribute_name": "expires_at", "enabled": True},
    tags=tags,
)
logs = aws.cloudwatch.LogGroup("logs", name=f"/aws/lambda/{name}-worker", retention_in_days=7, tags=tags)
role = aws.iam.Role("role", name=f"{name}-worker-role", assume_role_policy=trust("lambda"), tags=tags)
policy = aws.iam.RolePolicy("role-policy", name="worker", role=role.id, policy=allow("s3:GetObject"))
layer = aws.lambda_.LayerVersion(
    "layer", layer_name=f"{name}-core", code=pulumi.FileArchive("layer.zip"), compatible_runtimes=["python3.13"]
)
worker = aws.lambda_.Function(
    "worker",
    name=f"{name}-worker",
    role=role.arn,
    runtime="python3.13",
    handler="code.handler",
    code=pulumi.FileArchive("code.zip"),
    layers=[layer.arn],
    timeout=20,
    architectures=["arm64"],
    environment={"variables": {"LOG_LEVEL": config.require("level"), "QUEUE_URL": storage.queue.url}},
    tags=tags,
    opts=pulumi.ResourceOptions(depends_on=[logs, policy]),
)
states_role = aws.iam.Role("states-role", name=f"{name}-states-role", assume_role_policy=trust("states"), tags=tags)
states_policy = aws.iam.RolePolicy(
    "states-policy", name="states", role=states_role.id, policy=allow("lambda:InvokeFunction")
)
machine = aws.sfn.StateMachine(
    "machine",
    name=f"{name}-machine",
    role_arn=states_role.arn,
    tags=tags,
    definition=worker.arn.apply(definition),
    opts=pulumi.ResourceOptions(depends_on=[states_policy]),
)
rule = aws.cloudwatch.EventRule("rule", name=f"{name}-failure", tags=tags, event_pattern=machine.arn.apply(failures_of))
aws.cloudwatch.EventTarget("target", rule=rule.name, target_id="dlq", arn=storage.dlq.arn)
if config.get_bool("extra"):
    aws.cloudwatch.LogGroup("extra", name=f"/{name}/extra")
if config.get_bool("broken"):
    broken = aws.lambda_.Function(
        "broken",
        name=f"{name}-broken",
        role=role.arn,
        runtime="python3.13",
        handler="code.handler",
        code=pulumi.FileArchive("code.zip"),
        layers=[pulumi.Output.concat(layer.arn, "99")],
    )
    aws.cloudwatch.LogGroup("after", name=pulumi.Output.concat("/aws/lambda/", broken.name))
pulumi.export("machine", machine.arn)
pulumi.export("queue", storage.queue.url)
pulumi.export("bucket", storage.bucket.id)
