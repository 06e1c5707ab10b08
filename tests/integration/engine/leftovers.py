"""What an account holds, of every kind that the stacks make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3

# Service -> operation, the member of its answer, and what names an item.
_LISTS = [
    ("s3", "list_buckets", "Buckets", "Name"),
    ("sqs", "list_queues", "QueueUrls", ""),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("dynamodb", "list_tables", "TableNames", ""),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("lambda", "list_layers", "Layers", "LayerName"),
    ("stepfunctions", "list_state_machines", "stateMachines", "name"),
    ("pipes", "list_pipes", "Pipes", "Name"),
    ("events", "list_rules", "Rules", "Name"),
    ("glue", "get_jobs", "Jobs", "Name"),
    ("glue", "get_security_configurations", "SecurityConfigurations", "Name"),
]


def leftovers(session: boto3.Session) -> dict[str, list[Any]]:
    """Return the names of what there is, by the operation that lists it; keys that wait for their end are none."""
    found = {}
    for service, operation, member, name in _LISTS:
        answer = getattr(session.client(service), operation)()  # type: ignore[call-overload]
        found[operation] = [item[name] if name else item for item in answer.get(member, [])]
    kms = session.client("kms")
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    found["list_keys"] = [key["KeyId"] for key in keys if key["KeyState"] != "PendingDeletion"]
    aliases = [alias["AliasName"] for alias in kms.list_aliases()["Aliases"]]
    found["list_aliases"] = [name for name in aliases if not name.startswith("alias/aws/")]
    return {operation: names for operation, names in found.items() if names}
