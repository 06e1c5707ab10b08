"""What is special about objects in buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scout.embedded.resources import HANDLERS

if TYPE_CHECKING:
    from tests.integration.resources.conftest import World

OBJECT = HANDLERS["aws:s3/bucketObjectv2:BucketObjectv2"]


def _versioned(world: World, **inputs: Any) -> dict[str, Any]:
    bucket = world.make("aws:s3/bucket:Bucket", bucket=f"data-{world.account}")["id"]
    world.make("aws:s3/bucketVersioning:BucketVersioning", bucket=bucket, versioningConfiguration={"status": "Enabled"})
    return {"bucket": bucket, "key": "scripts/rank.py", **inputs}


def _versions(world: World, bucket: str) -> list[str]:
    answer = world.client("s3").list_object_versions(Bucket=bucket)
    return sorted(item["Key"] for item in [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])])


def test_other_contents_make_a_version_and_other_tags_or_another_place_make_none(world: World) -> None:
    inputs = _versioned(world, source=world.file("rank.py", "A = 1\n"), tags={"stack": "mock"})
    identifier, first = OBJECT.create(inputs, world.ctx)
    assert (identifier, first["etag"]) == (f"{inputs['bucket']}/scripts/rank.py", "f177efe7d7ebb2dcf9c50bd7e9342231")
    assert first["versionId"]

    moved = inputs | {"source": world.file("same.py", "A = 1\n"), "tags": {"stage": "dev"}}
    assert OBJECT.update(identifier, inputs, moved, world.ctx)["versionId"] == first["versionId"]

    changed = moved | {"source": world.file("rank.py", "A = 2\n")}
    second = OBJECT.update(identifier, moved, changed, world.ctx)
    assert second["versionId"] != first["versionId"]
    tags = world.client("s3").get_object_tagging(Bucket=inputs["bucket"], Key=inputs["key"])["TagSet"]
    assert tags == [{"Key": "stage", "Value": "dev"}]


def test_it_is_deleted_with_all_its_versions_and_nothing_else(world: World) -> None:
    inputs = _versioned(world, content="A = 1\n", forceDestroy=True)
    identifier, _ = OBJECT.create(inputs, world.ctx)
    OBJECT.update(identifier, inputs, inputs | {"content": "A = 2\n"}, world.ctx)
    client = world.client("s3")
    client.delete_object(Bucket=inputs["bucket"], Key=inputs["key"])
    client.put_object(Bucket=inputs["bucket"], Key="scripts/rank.py.txt", Body=b"kept")
    assert len(_versions(world, inputs["bucket"])) == 4

    OBJECT.delete(identifier, inputs, world.ctx)

    assert _versions(world, inputs["bucket"]) == ["scripts/rank.py.txt"]


def test_contents_come_from_one_place(world: World) -> None:
    for inputs in ({}, {"content": "A", "source": {"path": "a", "sha256": "0"}}):
        problems = OBJECT.check({"bucket": "b", "key": "k", **inputs})
        assert problems == ["exactly one of the arguments `source` and `content` is needed"]
