from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.runtime.documents import to_json
from lambdas.runtime.errors import AccessDenied, InputNotFound, OutputConflict, TransientStorageError
from lambdas.runtime.storage import Storage
from tests.unit.runtime.buckets import FailingS3, no_connection


@pytest.fixture
def s3() -> FailingS3:
    return FailingS3()


@pytest.fixture
def storage(s3: FailingS3) -> Storage:
    return Storage("bucket", s3)  # type: ignore[arg-type]


def test_an_object_is_written_once(storage, s3):
    digest = storage.put_once("a", b"one")
    assert digest == hashlib.sha256(b"one").hexdigest()
    assert storage.put_once("a", b"one") == digest
    with pytest.raises(OutputConflict, match="s3://bucket/a stands already"):
        storage.put_once("a", b"two")
    assert s3.objects == {"a": b"one"}


def test_a_write_whose_reply_was_lost_is_a_success(storage, s3):
    s3.lost_writes = 1
    assert storage.put_once("a", b"one") == hashlib.sha256(b"one").hexdigest()


def test_the_first_object_is_kept(storage, s3):
    assert storage.keep_first("a", b"one")
    assert not storage.keep_first("a", b"two")
    assert s3.objects == {"a": b"one"}


def test_only_put_overwrites(storage, s3):
    storage.put("a", b"one")
    storage.put("a", b"two")
    assert s3.objects == {"a": b"two"}


def test_a_read_that_breaks_off_is_done_again(storage, s3):
    storage.put("a", b"one")
    s3.broken_reads = 2
    assert storage.get("a") == b"one"


def test_reads_are_not_repeated_for_ever(storage, s3):
    storage.put("a", b"one")
    s3.broken_reads = 99
    with pytest.raises(TransientStorageError, match="SDK error: could not read"):
        storage.get("a")
    assert s3.reads == 3


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (404, (InputNotFound, "Object not found in S3")),
        (403, (AccessDenied, "Access denied to S3 bucket. Check IAM permissions for Lambda execution role.")),
        (503, (TransientStorageError, "S3 throttling (503 SlowDown). Retrying with backoff.")),
        (500, (TransientStorageError, "S3 internal error (500). Retrying with backoff.")),
        (409, (TransientStorageError, "S3 internal error (409)")),
        (no_connection(), (TransientStorageError, "SDK error")),
    ],
)
@pytest.mark.parametrize("use", ["get", "find", "exists", "put", "put_once", "keep_first"])
def test_every_failure_has_its_name_and_its_path(storage, s3, failure, expected, use):
    s3.failures = [failure]
    error, message = expected
    call = getattr(storage, use)
    arguments = ["a"] if use in {"get", "find", "exists"} else ["a", b"one"]
    if failure == 404 and use in {"find", "exists"}:
        assert not call(*arguments)
        return
    with pytest.raises(error) as caught:
        call(*arguments)
    assert message in str(caught.value)
    assert "s3://bucket/a" in str(caught.value)
    assert s3.objects == {}


def test_missing_objects_can_be_asked_for(storage):
    assert storage.find("a") is None
    assert not storage.exists("a")
    storage.put("a", b"one")
    assert storage.find("a") == b"one"
    assert storage.exists("a")


def test_all_keys_of_all_pages_are_listed(storage):
    assert storage.keys("x/") == []
    for key in ("x/1", "x/2", "x/3", "y/1"):
        storage.put(key, b"")
    assert storage.keys("x/") == ["x/1", "x/2", "x/3"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(alphabet="abcé", min_size=1), JSON))
def test_a_document_has_one_text(document):
    assert to_json(document) == to_json(dict(reversed(document.items())))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused(number):
    with pytest.raises(ValueError, match="JSON"):
        to_json({"rate": number})
