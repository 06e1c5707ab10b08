"""What is special about buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from scout.embedded.resources import HANDLERS

if TYPE_CHECKING:
    from tests.integration.resources.conftest import World

BUCKET = HANDLERS["aws:s3/bucket:Bucket"]


def _filled(world: World, **inputs: object) -> tuple[str, dict[str, object]]:
    """Make a versioned bucket with two versions, a delete marker and a begun upload."""
    given = {"bucket": f"data-{world.account}", **inputs}
    bucket, _ = BUCKET.create(given, world.ctx)
    versioning = HANDLERS["aws:s3/bucketVersioning:BucketVersioning"]
    versioning.create({"bucket": bucket, "versioningConfiguration": {"status": "Enabled"}}, world.ctx)
    client = world.client("s3")
    for body in (b"one", b"two"):
        client.put_object(Bucket=bucket, Key="kept", Body=body)
    client.delete_object(Bucket=bucket, Key="kept")
    client.create_multipart_upload(Bucket=bucket, Key="begun")
    return bucket, given


def test_force_destroy_deletes_every_version(world: World) -> None:
    bucket, inputs = _filled(world, forceDestroy=True)
    BUCKET.delete(bucket, inputs, world.ctx)
    assert BUCKET.read(bucket, inputs, world.ctx) is None


def test_without_force_destroy_a_filled_bucket_stays(world: World) -> None:
    bucket, inputs = _filled(world)
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        BUCKET.delete(bucket, inputs, world.ctx)
    assert BUCKET.read(bucket, inputs, world.ctx) is not None


def test_an_update_without_other_tags_leaves_the_tags_alone(world: World) -> None:
    inputs = {"bucket": f"data-{world.account}", "tags": {"stack": "mock"}}
    bucket, _ = BUCKET.create(inputs, world.ctx)
    BUCKET.update(bucket, inputs, inputs | {"forceDestroy": True}, world.ctx)
    assert world.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "stack", "Value": "mock"}]


def test_an_update_to_no_tags_takes_them_away(world: World) -> None:
    inputs = {"bucket": f"data-{world.account}", "tags": {"stack": "mock"}}
    bucket, _ = BUCKET.create(inputs, world.ctx)
    BUCKET.update(bucket, inputs, {"bucket": bucket}, world.ctx)
    with pytest.raises(ClientError, match="NoSuchTagSet"):
        world.client("s3").get_bucket_tagging(Bucket=bucket)
