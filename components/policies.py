"""IAM statements as plain data: what a principal may do, on which resource, and no more.

No statement that allows something has a wildcard action. Resources are full ARNs; those that end in ``*`` name a part
of one resource (keys of a bucket, streams of a log group). Where AWS takes nothing but ``*``, the function says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Conditions = Mapping[str, Mapping[str, str | Sequence[str]]]

# A transaction needs the permissions of its single operations; it has none of its own
# (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html).
LEDGER_ACTIONS = ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem")


@dataclass(frozen=True)
class Statement:
    """One statement of a policy.

    Attributes:
        sid: What it is for; unique in its policy.
        actions: IAM actions.
        resources: ARNs.
        conditions: Operator -> condition key -> value or values.
        effect: ``Allow`` or ``Deny``.
        principal: Only in the policy of a resource: whom it is about.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    conditions: Conditions = field(default_factory=dict)
    effect: str = "Allow"
    principal: str | Mapping[str, str] | None = None

    def render(self) -> dict[str, Any]:
        """This statement as IAM writes it; a list of one stands as its only item, as AWS gives it back."""
        body: dict[str, Any] = {"Sid": self.sid, "Effect": self.effect}
        if self.principal is not None:
            body["Principal"] = self.principal
        body["Action"] = _one_or_many(self.actions)
        if self.resources:
            body["Resource"] = _one_or_many(self.resources)
        if self.conditions:
            body["Condition"] = self.conditions
        return body


def document(statements: Iterable[Statement]) -> str:
    """A policy document as JSON, always the same for the same statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement.render() for statement in statements]})


def _one_or_many(values: tuple[str, ...]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)


def on_behalf_of(account: str, source_arn: str) -> Conditions:
    """The condition that a service acts for one resource of this account, and not for somebody else's."""
    return {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": source_arn}}


# AWS documents for Step Functions, Pipes and EventBridge that they say for whom they assume a role. For the roles of
# functions and of Glue jobs it does not, and a condition on what is not said would refuse every one of them. Who may
# hand such a role over is limited by iam:PassRole, in the account of the role alone.
_SAYS_NOT_FOR_WHOM = frozenset({"lambda", "glue"})


# With what the ids of inference profiles of AWS begin.
_GEOGRAPHIES = frozenset({"us", "us-gov", "eu", "apac", "jp", "au", "ca", "global"})


def trust(service: str, account: str, source_arn: str) -> Statement:
    """Lets a service assume the role, for one resource only where the service says for which one it acts.

    Args:
        service: The service, such as ``states``.
        account: The account's id.
        source_arn: The resource for which the service assumes the role.
    """
    return Statement(
        "AssumeRole",
        ("sts:AssumeRole",),
        conditions={} if service in _SAYS_NOT_FOR_WHOM else on_behalf_of(account, source_arn),
        principal={"Service": f"{service}.amazonaws.com"},
    )


def tls_only(actions: str, resources: tuple[str, ...], older_versions: bool = False) -> Statement:
    """Denies all that does not come over TLS; with ``older_versions``, all that comes over a version before 1.2."""
    condition: Conditions = (
        {"NumericLessThan": {"s3:TlsVersion": "1.2"}} if older_versions else {"Bool": {"aws:SecureTransport": "false"}}
    )
    sid = "DenyOldTls" if older_versions else "DenyPlainText"
    return Statement(sid, (actions,), resources, condition, effect="Deny", principal="*")


def converse_with(model: str, partition: str, region: str, account: str) -> tuple[Statement, ...]:
    """Lets ask a model of Bedrock.

    An inference profile (``eu.amazon.nova-lite-v1:0``) sends to its model in several regions, and permission is needed
    on the model in each of them, too; it is given for what comes through this profile alone
    (https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html). Which model a profile of the
    account's own has, its ARN does not say.

    Args:
        model: A model, an inference profile, or the ARN of either.
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        region: Of the stack.
        account: The account's id.
    """
    action, arn = ("bedrock:InvokeModel",), f"arn:{partition}:bedrock"
    name = model.rpartition("/")[2]
    geography, _, of_profile = name.partition(".")
    is_own = ":application-inference-profile/" in model
    if not is_own and geography not in _GEOGRAPHIES:
        resource = model if model.startswith("arn:") else f"{arn}:{region}::foundation-model/{model}"
        return (Statement("ConverseWithModel", action, (resource,)),)
    profile = model if model.startswith("arn:") else f"{arn}:{region}:{account}:inference-profile/{model}"
    behind = f"{arn}:*::foundation-model/{'*' if is_own else of_profile}"
    through: Conditions = {"StringLike": {"bedrock:InferenceProfileArn": profile}}
    return (
        Statement("ConverseWithModel", action, (profile,)),
        Statement("ConverseThroughProfile", action, (behind,), through),
    )


def search_places(partition: str, region: str) -> Statement:
    """Lets find places by name with Amazon Location Service
    (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonlocationserviceplaces.html).
    """
    provider = f"arn:{partition}:geo-places:{region}::provider/default"
    return Statement("SearchPlaces", ("geo-places:SearchText",), (provider,))


def read_objects(bucket_arn: str, prefixes: Sequence[str]) -> Statement:
    """Lets read the objects below prefixes."""
    return Statement("ReadObjects", ("s3:GetObject",), tuple(f"{bucket_arn}/{prefix}*" for prefix in prefixes))


def write_objects(bucket_arn: str, prefixes: Sequence[str]) -> Statement:
    """Lets write objects below prefixes."""
    return Statement("WriteObjects", ("s3:PutObject",), tuple(f"{bucket_arn}/{prefix}*" for prefix in prefixes))


def delete_objects(bucket_arn: str, prefixes: Sequence[str]) -> Statement:
    """Lets delete objects below prefixes."""
    return Statement("DeleteObjects", ("s3:DeleteObject",), tuple(f"{bucket_arn}/{prefix}*" for prefix in prefixes))


def list_objects(bucket_arn: str, prefixes: Sequence[str]) -> Statement:
    """Lets list the keys below prefixes, and see that a key does not exist.

    S3 answers a GetObject on a missing key with 404 only to those who may list the bucket, and with 403 to all others.
    That check has no prefix to compare, hence ``IfExists``.
    """
    return Statement(
        "ListObjects",
        ("s3:ListBucket",),
        (bucket_arn,),
        {"StringLikeIfExists": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
    )


def read_secrets(secret_arns: Iterable[str]) -> Statement:
    """Lets read secrets. Their ARNs end in six characters that Secrets Manager adds to a name."""
    return Statement("ReadSecrets", ("secretsmanager:GetSecretValue",), tuple(f"{arn}-??????" for arn in secret_arns))


def use_ledger(table_arn: str) -> Statement:
    """Lets read and change the items of the ledger; nothing in it is deleted but by its time to live."""
    return Statement("UseLedger", LEDGER_ACTIONS, (table_arn,))


def put_items(table_arn: str) -> Statement:
    """Lets put items into a table, under conditions, and read none."""
    return Statement("PutItems", ("dynamodb:PutItem",), (table_arn,))


def send_messages(queue_arn: str) -> Statement:
    """Lets send to a queue."""
    return Statement("SendMessages", ("sqs:SendMessage",), (queue_arn,))


def change_visibility(queue_arn: str) -> Statement:
    """Lets say when a message that was received comes back to its queue."""
    return Statement("ChangeVisibility", ("sqs:ChangeMessageVisibility",), (queue_arn,))


def receive_messages(queue_arn: str) -> Statement:
    """Lets a pipe empty a queue."""
    actions = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
    return Statement("ReceiveMessages", actions, (queue_arn,))


def invoke_functions(function_arns: Iterable[str]) -> Statement:
    """Lets invoke functions, by their unqualified ARNs."""
    return Statement("InvokeFunctions", ("lambda:InvokeFunction",), tuple(sorted(set(function_arns))))


def run_jobs(job_arns: Iterable[str]) -> Statement:
    """Lets run Glue jobs to their end, and stop them
    (https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html).
    """
    actions = ("glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun")
    return Statement("RunJobs", actions, tuple(sorted(set(job_arns))))


def put_metrics(namespace: str) -> Statement:
    """Lets put metrics of one namespace.

    Resource ``*``: CloudWatch supports no resource-level permissions for this action
    (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html).
    """
    only = {"StringEquals": {"cloudwatch:namespace": namespace}}
    return Statement("PutMetrics", ("cloudwatch:PutMetricData",), ("*",), only)


def publish(topic_arn: str) -> Statement:
    """Lets publish to a topic."""
    return Statement("Publish", ("sns:Publish",), (topic_arn,))


def write_logs(*log_group_arns: str) -> Statement:
    """Lets write to the streams of log groups, which must exist."""
    streams = tuple(f"{arn}:*" for arn in log_group_arns)
    return Statement("WriteLogs", ("logs:CreateLogStream", "logs:PutLogEvents"), streams)


def deliver_logs() -> Statement:
    """Lets Step Functions set up the delivery of its logs.

    Resource ``*``: CloudWatch Logs supports no resource-level permissions for log deliveries and resource policies
    (https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html).
    """
    deliveries = ("Create", "Get", "Update", "Delete")
    actions = (
        *(f"logs:{verb}LogDelivery" for verb in deliveries),
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
    )
    return Statement("DeliverLogs", actions, ("*",))


def send_traces() -> Statement:
    """Lets send traces.

    Resource ``*``: X-Ray supports no resource-level permissions for these actions
    (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html).
    """
    actions = (
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    )
    return Statement("SendTraces", actions, ("*",))


def use_key(key_arn: str, region: str) -> Statement:
    """Lets use the bucket's key, through S3 only."""
    return Statement(
        "UseKey",
        ("kms:Decrypt", "kms:GenerateDataKey"),
        (key_arn,),
        {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
    )
