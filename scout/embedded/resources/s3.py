"""Buckets, and the settings that `pulumi_aws` keeps as resources of their own beside the bucket."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scout.embedded.resources.base import Absent, AwsContext, Handler, JsonObject, pascal, tag_list

if TYPE_CHECKING:
    from collections.abc import Callable

_DEFAULT_REGION: Final = "us-east-1"


class Bucket(Handler):
    """`aws:s3/bucket:Bucket`: the bucket and its tags, nothing else."""

    resource_type = "aws:s3/bucket:Bucket"
    arguments = frozenset({"bucket", "forceDestroy", "tags"})
    required = frozenset({"bucket"})
    replace_on = frozenset({"bucket"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name = inputs["bucket"]
        return name, {
            "arn": f"arn:{ctx.partition}:s3:::{name}",
            "bucketDomainName": f"{name}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{name}.s3.{ctx.region}.amazonaws.com",
            "bucketRegion": ctx.region,
        }

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        name = inputs["bucket"]
        # S3 takes every region by name save its first one, which must not be named.
        elsewhere = ctx.region != _DEFAULT_REGION
        placed = {"CreateBucketConfiguration": {"LocationConstraint": ctx.region}} if elsewhere else {}
        ctx.client("s3").create_bucket(Bucket=name, **placed)
        self._tag(name, inputs, ctx)
        return str(name)

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        ctx.client("s3").head_bucket(Bucket=identifier)
        return self.expected(inputs, ctx)[1]

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        if old.get("tags") != new.get("tags"):
            self._tag(identifier, new, ctx)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        if inputs.get("forceDestroy"):
            _empty(identifier, ctx)
        ctx.client("s3").delete_bucket(Bucket=identifier)

    def _tag(self, name: str, inputs: JsonObject, ctx: AwsContext) -> None:
        if tags := tag_list(inputs):
            ctx.client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        else:
            ctx.client("s3").delete_bucket_tagging(Bucket=name)


def _empty(bucket: str, ctx: AwsContext) -> None:
    """Delete every version, delete marker and begun upload of a bucket."""
    client = ctx.client("s3")
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        held = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in held]
        if objects:
            client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


@dataclass(frozen=True)
class BucketSetting(Handler):
    """One setting of a bucket: put as a whole, read, and put back to what AWS gives a new bucket.

    Attributes:
        resource_type: The resource type.
        arguments: The bucket, and the inputs that hold the setting.
        build: Makes the arguments of `put` from the inputs.
        put: Name of the operation that sets it.
        get: Name of the operation that reads it.
        present: The member of the answer to `get` which is there only if the setting is.
        reset: Name of the operation that takes it away, and its arguments beside the bucket.
        optional: The arguments that may be missing.
    """

    resource_type: str
    arguments: frozenset[str]
    build: Callable[[JsonObject], JsonObject]
    put: str
    get: str
    present: str
    reset: tuple[str, JsonObject]
    optional: frozenset[str] = frozenset()

    replace_on = frozenset({"bucket"})
    owns_name = False

    @property
    def required(self) -> frozenset[str]:  # type: ignore[override]
        """The arguments without which the setting says nothing."""
        return self.arguments - self.optional

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        return inputs["bucket"], {}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        self._call(self.put, inputs["bucket"], self.build(inputs), ctx)
        return str(inputs["bucket"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        if self.present not in self._call(self.get, identifier, {}, ctx):
            raise Absent(self.resource_type)
        return {}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        self._call(self.put, identifier, self.build(new), ctx)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        operation, arguments = self.reset
        self._call(operation, identifier, arguments, ctx)

    def _call(self, operation: str, bucket: str, arguments: JsonObject, ctx: AwsContext) -> JsonObject:
        answer: JsonObject = getattr(ctx.client("s3"), operation)(Bucket=bucket, **arguments)
        return answer


_ACCESS_BLOCKS: Final = frozenset({"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"})
_RENAMES: Final = {"id": "ID", "sseAlgorithm": "SSEAlgorithm", "kmsMasterKeyId": "KMSMasterKeyID"}


def _shaped(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return pascal(value, _RENAMES)


SETTINGS: Final = (
    BucketSetting(
        resource_type="aws:s3/bucketVersioning:BucketVersioning",
        arguments=frozenset({"bucket", "versioningConfiguration"}),
        build=lambda inputs: {"VersioningConfiguration": _shaped(inputs["versioningConfiguration"])},
        put="put_bucket_versioning",
        get="get_bucket_versioning",
        present="Status",
        # Versioning cannot be taken away from a bucket that had it.
        reset=("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
    ),
    BucketSetting(
        resource_type="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        arguments=frozenset({"bucket", "rules"}),
        build=lambda inputs: {"ServerSideEncryptionConfiguration": {"Rules": _shaped(inputs["rules"])}},
        put="put_bucket_encryption",
        get="get_bucket_encryption",
        present="ServerSideEncryptionConfiguration",
        reset=("delete_bucket_encryption", {}),
    ),
    BucketSetting(
        resource_type="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        arguments=_ACCESS_BLOCKS | {"bucket"},
        optional=_ACCESS_BLOCKS,
        build=lambda inputs: {
            "PublicAccessBlockConfiguration": _shaped({key: inputs.get(key, False) for key in sorted(_ACCESS_BLOCKS)})
        },
        put="put_public_access_block",
        get="get_public_access_block",
        present="PublicAccessBlockConfiguration",
        reset=("delete_public_access_block", {}),
    ),
    BucketSetting(
        resource_type="aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        arguments=frozenset({"bucket", "rule"}),
        build=lambda inputs: {"OwnershipControls": {"Rules": [_shaped(inputs["rule"])]}},
        put="put_bucket_ownership_controls",
        get="get_bucket_ownership_controls",
        present="OwnershipControls",
        reset=("delete_bucket_ownership_controls", {}),
    ),
    BucketSetting(
        resource_type="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        arguments=frozenset({"bucket", "rules"}),
        build=lambda inputs: {"LifecycleConfiguration": {"Rules": _shaped(inputs["rules"])}},
        put="put_bucket_lifecycle_configuration",
        get="get_bucket_lifecycle_configuration",
        present="Rules",
        reset=("delete_bucket_lifecycle", {}),
    ),
    BucketSetting(
        resource_type="aws:s3/bucketPolicy:BucketPolicy",
        arguments=frozenset({"bucket", "policy"}),
        build=lambda inputs: {"Policy": _document(inputs["policy"])},
        put="put_bucket_policy",
        get="get_bucket_policy",
        present="Policy",
        reset=("delete_bucket_policy", {}),
    ),
)


def _document(policy: Any) -> str:  # noqa: ANN401 - a JSON text, or the same as a structure
    return policy if isinstance(policy, str) else json.dumps(policy)


HANDLERS: Final[tuple[Handler, ...]] = (Bucket(), *SETTINGS)
