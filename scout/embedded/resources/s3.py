"""Buckets, and the settings that `pulumi_aws` keeps as resources of their own beside the bucket."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.outcomes import Absent
from scout.embedded.resources.shapes import camel, pascal
from scout.embedded.resources.tags import tag_list, tag_map
from scout.embedded.resources.values import LIST, OBJECT, TEXTS, TRUTH, Form, Rule, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DEFAULT_REGION: Final = "us-east-1"


class Bucket(Handler):
    """`aws:s3/bucket:Bucket`: the bucket and its tags, nothing else."""

    resource_type = "aws:s3/bucket:Bucket"
    arguments = frozenset({"bucket", "forceDestroy", "tags"})
    required = frozenset({"bucket"})
    values = texts("bucket") | {"forceDestroy": TRUTH, "tags": TEXTS}
    defaults = MappingProxyType({"forceDestroy": False})
    replace_on = frozenset({"bucket"})
    unreadable = frozenset({"forceDestroy"})

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
        return str(name)

    def _settle(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        self._tag(identifier, inputs, ctx)

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        ctx.client("s3").head_bucket(Bucket=identifier)
        return self.expected(inputs, ctx)[1]

    def _identify(self, identifier: str) -> JsonObject:
        return {"bucket": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("s3")
        client.head_bucket(Bucket=identifier)
        try:
            tags = tag_map(client.get_bucket_tagging(Bucket=identifier)["TagSet"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchTagSet":
                raise
            tags = {}
        return {"bucket": identifier, "tags": tags}

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
        values: What the values of inputs have to be.
        build: Makes the arguments of `put` from the inputs.
        parse: Makes the inputs that hold the setting from the answer to `get`.
        put: Name of the operation that sets it.
        get: Name of the operation that reads it.
        present: The member of the answer to `get` which is there only if the setting is.
        reset: Name of the operation that takes it away, and its arguments beside the bucket.
        optional: The arguments that may be missing; each is off then.
    """

    resource_type: str
    arguments: frozenset[str]
    values: Mapping[str, Rule] = field()
    build: Callable[[JsonObject], JsonObject]
    parse: Callable[[JsonObject], JsonObject]
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

    @property
    def defaults(self) -> Mapping[str, Any]:  # type: ignore[override]
        """What is off where the program does not say."""
        return dict.fromkeys(sorted(self.optional), False)

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        return inputs["bucket"], {}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        self._call(self.put, inputs["bucket"], self.build(inputs), ctx)
        return str(inputs["bucket"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        self._answer(identifier, ctx)
        return {}

    def _answer(self, bucket: str, ctx: AwsContext) -> JsonObject:
        answer = self._call(self.get, bucket, {}, ctx)
        if self.present not in answer:
            raise Absent(self.resource_type)
        return answer

    def _identify(self, identifier: str) -> JsonObject:
        return {"bucket": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        return {"bucket": identifier, **self.parse(self._answer(identifier, ctx))}

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


def _told(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return camel(value, _RENAMES)


SETTINGS: Final = (
    BucketSetting(
        resource_type="aws:s3/bucketVersioning:BucketVersioning",
        arguments=frozenset({"bucket", "versioningConfiguration"}),
        values=texts("bucket") | {"versioningConfiguration": OBJECT},
        build=lambda inputs: {"VersioningConfiguration": _shaped(inputs["versioningConfiguration"])},
        parse=lambda answer: {"versioningConfiguration": {"status": answer["Status"]}},
        put="put_bucket_versioning",
        get="get_bucket_versioning",
        present="Status",
        # Versioning cannot be taken away from a bucket that had it.
        reset=("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
    ),
    BucketSetting(
        resource_type="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        arguments=frozenset({"bucket", "rules"}),
        values=texts("bucket") | {"rules": LIST},
        build=lambda inputs: {"ServerSideEncryptionConfiguration": {"Rules": _shaped(inputs["rules"])}},
        parse=lambda answer: {"rules": _told(answer["ServerSideEncryptionConfiguration"]["Rules"])},
        put="put_bucket_encryption",
        get="get_bucket_encryption",
        present="ServerSideEncryptionConfiguration",
        reset=("delete_bucket_encryption", {}),
    ),
    BucketSetting(
        resource_type="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        arguments=_ACCESS_BLOCKS | {"bucket"},
        optional=_ACCESS_BLOCKS,
        values=texts("bucket") | dict.fromkeys(sorted(_ACCESS_BLOCKS), TRUTH),
        build=lambda inputs: {
            "PublicAccessBlockConfiguration": _shaped({key: inputs.get(key, False) for key in sorted(_ACCESS_BLOCKS)})
        },
        parse=lambda answer: dict(_told(answer["PublicAccessBlockConfiguration"])),
        put="put_public_access_block",
        get="get_public_access_block",
        present="PublicAccessBlockConfiguration",
        reset=("delete_public_access_block", {}),
    ),
    BucketSetting(
        resource_type="aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        arguments=frozenset({"bucket", "rule"}),
        values=texts("bucket") | {"rule": OBJECT},
        build=lambda inputs: {"OwnershipControls": {"Rules": [_shaped(inputs["rule"])]}},
        parse=lambda answer: {"rule": _told(answer["OwnershipControls"]["Rules"][0])},
        put="put_bucket_ownership_controls",
        get="get_bucket_ownership_controls",
        present="OwnershipControls",
        reset=("delete_bucket_ownership_controls", {}),
    ),
    BucketSetting(
        resource_type="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        arguments=frozenset({"bucket", "rules"}),
        values=texts("bucket") | {"rules": LIST},
        build=lambda inputs: {"LifecycleConfiguration": {"Rules": _shaped(inputs["rules"])}},
        parse=lambda answer: {"rules": _told(answer["Rules"])},
        put="put_bucket_lifecycle_configuration",
        get="get_bucket_lifecycle_configuration",
        present="Rules",
        reset=("delete_bucket_lifecycle", {}),
    ),
    BucketSetting(
        resource_type="aws:s3/bucketPolicy:BucketPolicy",
        arguments=frozenset({"bucket", "policy"}),
        values=texts("bucket") | {"policy": Form((str, dict), "a JSON object, as text or as a structure")},
        build=lambda inputs: {"Policy": _document(inputs["policy"])},
        parse=lambda answer: {"policy": answer["Policy"]},
        put="put_bucket_policy",
        get="get_bucket_policy",
        present="Policy",
        reset=("delete_bucket_policy", {}),
    ),
)


def _document(policy: Any) -> str:  # noqa: ANN401 - a JSON text, or the same as a structure
    return policy if isinstance(policy, str) else json.dumps(policy)


HANDLERS: Final[tuple[Handler, ...]] = (Bucket(), *SETTINGS)
