"""The bucket through which states hand data to each other, and where results lie."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.context import StackContext
from components.policies import Statement, document, tls_only

LifecycleRule = aws.s3.BucketLifecycleConfigurationRuleArgs
# Days for which a key can still be restored after its deletion was ordered
# (https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html).
KEY_DELETION_WINDOW_DAYS = 30


@dataclass(frozen=True)
class WorkflowBucketArgs:
    """What ``WorkflowBucket`` is made of.

    Attributes:
        context: The stack. Its settings say the days of the lifecycle, whether there is a KMS key, and whether
            destroying the stack also deletes the objects.
    """

    context: StackContext


class WorkflowBucket(pulumi.ComponentResource):
    """A private, encrypted, versioned bucket that takes TLS only and forgets on time.

    Attributes:
        name: The bucket's name; resolved when the bucket is there.
        known_name: The same, as it is known before the bucket is there.
        arn: The bucket's ARN.
        key_arn: The ARN of the KMS key; None with S3's own key.
    """

    name: pulumi.Output[str]
    known_name: str
    arn: pulumi.Output[str]
    key_arn: pulumi.Output[str] | None

    def __init__(self, name: str, args: WorkflowBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("data-scout:components:WorkflowBucket", name, None, opts)
        context, child = args.context, pulumi.ResourceOptions(parent=self)
        settings = context.settings
        self.key_arn = self._key(name, context) if settings.encryption.kms else None
        bucket = aws.s3.Bucket(
            name,
            bucket=context.bucket,
            force_destroy=settings.force_destroy,
            tags=context.tags("workflow-bucket"),
            opts=child,
        )
        versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=_default_encryption(self.key_arn),
                    # One data key for many objects: it spares most of the calls to KMS.
                    bucket_key_enabled=settings.encryption.kms,
                )
            ],
            opts=child,
        )
        public_access_block = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            name,
            bucket=bucket.id,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.id,
            rules=lifecycle_rules(context),
            # Rules for noncurrent versions are for a bucket that has versions.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        everything = (context.bucket_arn, f"{context.bucket_arn}/*")
        aws.s3.BucketPolicy(
            name,
            bucket=bucket.id,
            policy=document([tls_only("s3:*", everything), tls_only("s3:*", everything, older_versions=True)]),
            # S3 refuses one of two changes of a bucket's access that come at the same time.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[public_access_block]),
        )
        self.name, self.known_name, self.arn = bucket.bucket, context.bucket, bucket.arn
        self.register_outputs({"name": self.name, "arn": self.arn, "keyArn": self.key_arn})

    def _key(self, name: str, context: StackContext) -> pulumi.Output[str]:
        key = aws.kms.Key(
            name,
            description=f"Objects of {context.bucket}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_WINDOW_DAYS,
            policy=document(key_statements(context)),
            tags=context.tags("workflow-bucket"),
            # Objects outlive the flag, and a bucket that may not be emptied outlives the stack: neither can be read
            # without the key.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=not context.settings.force_destroy),
        )
        aws.kms.Alias(
            name,
            name=f"alias/{context.names.of('alias', 'data')}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return key.arn


def _default_encryption(
    key_arn: pulumi.Output[str] | None,
) -> aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs:
    return aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="AES256" if key_arn is None else "aws:kms", kms_master_key_id=key_arn
    )


def lifecycle_rules(context: StackContext) -> list[LifecycleRule]:
    """When objects are deleted: a rule per key prefix, and one for what is left behind under any prefix."""
    days = context.settings.lifecycle
    by_prefix = {
        "executions/": days.executions,
        "glue-temp/": days.glue_temp,
        "raw/json/google/": days.raw_google,
        "raw/json/open-data/": days.raw_open_data,
        "raw/json/llm/": days.raw_llm,
        "raw/html/": days.raw_html,
        "extracted/": days.extracted,
        "manifests/": days.manifests,
    }
    # Expiration leaves a noncurrent version. Of Google's data none may stay for longer than the day S3 asks for.
    noncurrent = {"raw/json/google/": _noncurrent(1)}
    expiring = [
        LifecycleRule(
            id=f"{prefix.rstrip('/').replace('/', '-')}-{after}d",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=prefix),
            expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=after),
            noncurrent_version_expiration=noncurrent.get(prefix),
        )
        for prefix, after in by_prefix.items()
    ]
    left_behind = LifecycleRule(
        id="left-behind",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        # What marks a deleted key goes when no version of it is left.
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(expired_object_delete_marker=True),
        noncurrent_version_expiration=_noncurrent(days.noncurrent_versions),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=days.incomplete_uploads
        ),
    )
    return [*expiring, left_behind]


def _noncurrent(days: int) -> aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs:
    return aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(noncurrent_days=days)


def key_statements(context: StackContext) -> list[Statement]:
    """The key's policy: the account's administrators manage it, its principals use it through S3 as their roles allow.

    Resource ``*``: in the policy of a key it stands for that key and nothing else
    (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html).
    """
    account = {"AWS": f"arn:{context.partition}:iam::{context.account}:root"}
    managing = (
        "CancelKeyDeletion", "CreateAlias", "CreateGrant", "DeleteAlias", "DescribeKey", "DisableKey", "EnableKey",
        "EnableKeyRotation", "DisableKeyRotation", "GetKeyPolicy", "GetKeyRotationStatus", "ListGrants",
        "ListKeyPolicies", "ListResourceTags", "PutKeyPolicy", "RevokeGrant", "ScheduleKeyDeletion", "TagResource",
        "UntagResource", "UpdateAlias", "UpdateKeyDescription",
    )  # fmt: skip
    through_s3 = {
        "StringEquals": {
            "kms:CallerAccount": context.account,
            "kms:ViaService": f"s3.{context.settings.region}.amazonaws.com",
        }
    }
    return [
        Statement("Manage", tuple(f"kms:{action}" for action in managing), ("*",), principal=account),
        Statement("Use", ("kms:Decrypt", "kms:GenerateDataKey"), ("*",), through_s3, principal=account),
    ]
