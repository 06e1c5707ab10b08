"""Objects in buckets."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.tags import tag_list, tag_map
from scout.embedded.resources.values import FILE, TEXTS, TRUTH, Problem, texts

_CONTENT: Final = ("source", "content")


class BucketObject(Handler):
    """`aws:s3/bucketObjectv2:BucketObjectv2`: an object whose contents are a file or a text.

    `forceDestroy` lifts the legal holds of object lock, which no bucket has that is made here.
    """

    resource_type = "aws:s3/bucketObjectv2:BucketObjectv2"
    arguments = frozenset({"bucket", "key", *_CONTENT, "contentType", "sourceHash", "forceDestroy", "tags"})
    required = frozenset({"bucket", "key"})
    values = texts("bucket", "key", "content", "contentType", "sourceHash") | {
        "source": FILE,
        "forceDestroy": TRUTH,
        "tags": TEXTS,
    }
    defaults = MappingProxyType({"forceDestroy": False})
    computed = frozenset({"contentType"})
    unreadable = frozenset({"forceDestroy", "sourceHash"})
    replace_on = frozenset({"bucket", "key"})
    volatile = frozenset({"etag", "versionId"})

    def _problems(self, inputs: JsonObject) -> list[Problem]:
        if len(inputs.keys() & set(_CONTENT)) != 1:
            return [Problem("", "exactly one of the arguments `source` and `content` is needed")]
        return []

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name = f"{inputs['bucket']}/{inputs['key']}"
        return name, {"arn": f"arn:{ctx.partition}:s3:::{name}"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        self._upload(inputs, ctx)
        return self.expected(inputs, ctx)[0]

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        held = ctx.client("s3").head_object(Bucket=inputs["bucket"], Key=inputs["key"])
        return {
            "arn": self.expected(inputs, ctx)[1]["arn"],
            "etag": held["ETag"].strip('"'),
            "versionId": held.get("VersionId", ""),
        }

    def _identify(self, identifier: str) -> JsonObject:
        bucket, _, key = identifier.partition("/")
        return {"bucket": bucket, "key": key}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client, named = ctx.client("s3"), {"Bucket": inputs["bucket"], "Key": inputs["key"]}
        held = client.get_object(**named)
        contents = held["Body"].read()
        found: JsonObject = {"bucket": inputs["bucket"], "key": inputs["key"], "contentType": held["ContentType"]}
        if "content" in inputs:
            found["content"] = contents.decode(errors="replace")
        else:
            found["source"] = {"path": "", "sha256": hashlib.sha256(contents).hexdigest()}
        return found | {"tags": tag_map(client.get_object_tagging(**named)["TagSet"])}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        if _uploaded(old) != _uploaded(new):
            self._upload(new, ctx)
        elif old.get("tags", {}) != new.get("tags", {}):
            tags = {"TagSet": tag_list(new)}
            ctx.client("s3").put_object_tagging(Bucket=new["bucket"], Key=new["key"], Tagging=tags)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        client, bucket, key = ctx.client("s3"), inputs["bucket"], inputs["key"]
        # With all its versions, as the provider does: a bucket that holds one cannot be deleted.
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                if item["Key"] == key:
                    client.delete_object(Bucket=bucket, Key=key, VersionId=item["VersionId"])

    def _upload(self, inputs: JsonObject, ctx: AwsContext) -> None:
        text = inputs.get("content")
        kind = {"ContentType": inputs["contentType"]} if "contentType" in inputs else {}
        ctx.client("s3").put_object(
            Bucket=inputs["bucket"],
            Key=inputs["key"],
            Body=Path(inputs["source"]["path"]).read_bytes() if text is None else text.encode(),
            Tagging=urlencode(inputs.get("tags", {})),
            **kind,
        )


def _uploaded(inputs: JsonObject) -> list[object]:
    """Return what, when it changes, makes another upload: where a file lies makes none."""
    digest = inputs.get("source", {}).get("sha256")
    return [digest, *(inputs.get(key) for key in ("content", "contentType", "sourceHash"))]


HANDLERS: Final[tuple[Handler, ...]] = (BucketObject(),)
