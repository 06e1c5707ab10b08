"""An OpenStreetMap extract in S3 as a map service: the named objects in a disc, nearest first.

``Extract`` answers from memory. :func:`open_extract` downloads the file, checks it and reads it, once per process and
version of the object, so that a warm Lambda function answers at once.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import re
import shutil
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.connectors.osm_object import OsmObject
from lambdas.places.geo import EARTH_RADIUS_M, Disc, distance_m
from lambdas.runtime.errors import (
    AccessDenied,
    ExtractCorrupt,
    ExtractNotFound,
    InvalidInput,
    TransientStorageError,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A limit of this project, not of a service: the file lies in the function's temporary storage (512 MB unless set
# otherwise), and reading it takes about seven times its size in memory (measured: 102 MB for 15 MB, two million nodes).
MAX_EXTRACT_BYTES = 160 * 1024 * 1024
DIGEST_METADATA = "sha256"
_CHUNK_BYTES = 1024 * 1024
_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>.+)")
_METRES_PER_DEGREE = math.pi * EARTH_RADIUS_M / 180


class Extract:
    """The named objects of one extract.

    Args:
        objects: What :func:`lambdas.connectors.osm_reader.read_extract` found.
        rejected: How many objects it left out, by reason.
        uri: Where the extract lies.
        sha256: Digest of the file.
        size: Bytes of the file.
        verified: Whether the digest was compared with the one that the uploader recorded.
    """

    def __init__(
        self,
        objects: Iterable[OsmObject],
        rejected: dict[str, int],
        *,
        uri: str,
        sha256: str,
        size: int,
        verified: bool,
    ) -> None:
        # By latitude, so that a search looks at a band of the map only.
        self._objects = sorted(objects, key=lambda item: item.lat)
        self._latitudes = [item.lat for item in self._objects]
        self.rejected = rejected
        self.uri = uri
        self.sha256 = sha256
        self.size = size
        self.verified = verified

    def __len__(self) -> int:
        return len(self._objects)

    def within(self, disc: Disc, cap: int, offset: int = 0) -> list[OsmObject]:
        """The objects whose position lies in a disc, nearest to its centre first.

        Args:
            disc: Where to look.
            cap: The largest number of objects in one answer. An answer of that length may leave out objects, none of
                which is nearer than the last one returned.
            offset: How many of the nearest objects to leave out, to go on where an earlier answer ended.

        Returns:
            At most ``cap`` objects; equally distant ones in the order of their keys.
        """
        reach = disc.radius_m / _METRES_PER_DEGREE * (1 + 1e-9)
        first = bisect_left(self._latitudes, disc.center.lat - reach)
        last = bisect_right(self._latitudes, disc.center.lat + reach)
        ranked = ((distance_m(disc.center, (item.lat, item.lng)), item) for item in self._objects[first:last])
        inside = ((distance, item.key, item) for distance, item in ranked if distance <= disc.radius_m)
        return [item for _, _, item in heapq.nsmallest(offset + cap, inside, key=lambda entry: entry[:2])[offset:]]


@dataclass(frozen=True, slots=True)
class _Object:
    """One version of an object in S3, as its headers describe it."""

    bucket: str
    key: str
    etag: str
    size: int
    digest: str | None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


_opened: dict[_Object, Extract] = {}


def open_extract(uri: str, client: S3Client, max_bytes: int = MAX_EXTRACT_BYTES) -> Extract:
    """Download, check and read an extract, unless this process has just this version of it in memory.

    If the object has the metadata ``sha256``, its content must have that digest: then no loss goes unseen. Without it
    the file's own structure is checked (``lambdas.connectors.pbf_frames`` and ``osm_reader`` say how far that goes).

    Args:
        uri: ``s3://bucket/key`` of a ``.osm.pbf`` file.
        client: An S3 client whose role may ``s3:GetObject`` that key.
        max_bytes: The largest file to accept, in bytes.

    Returns:
        The extract, ready to be searched.

    Raises:
        InvalidInput: The address is not ``s3://bucket/key``, or the file is too large.
        ExtractNotFound: No such bucket or object.
        ExtractCorrupt: The file is cut off, damaged, not an extract, or not the one that was uploaded.
        AccessDenied: The role may not read it.
        TransientStorageError: S3 could not answer, or the connection broke.
    """
    version = _describe(uri, client)
    if version not in _opened:
        extract = _load(version, client, max_bytes)
        # One extract only: a function's memory is sized for one city.
        _opened.clear()
        _opened[version] = extract
    return _opened[version]


def _describe(uri: str, client: S3Client) -> _Object:
    match = _URI.fullmatch(uri)
    if match is None:
        raise InvalidInput(
            f"sources.osm_extract: {uri!r} is not s3://bucket/key; `scout run` uploads file:// and package:// "
            "extracts, a run that is started otherwise needs the extract in S3"
        )
    bucket, key = match["bucket"], match["key"]
    try:
        head = client.head_object(Bucket=bucket, Key=key)
    except (ClientError, BotoCoreError) as error:
        raise _named(error, uri) from error
    digest = head["Metadata"].get(DIGEST_METADATA)
    return _Object(bucket, key, head["ETag"], head["ContentLength"], digest and digest.lower())


def _load(version: _Object, client: S3Client, max_bytes: int) -> Extract:
    # osmium is half of what this function's start would cost, and only runs with an extract need it.
    from lambdas.connectors.osm_reader import ExtractDamaged, read_extract  # noqa: PLC0415

    # Half of the free space is left to others.
    limit = min(max_bytes, shutil.disk_usage(tempfile.gettempdir()).free // 2)
    if version.size > limit:
        raise InvalidInput(
            f"sources.osm_extract: {version.uri} has {version.size:,} bytes, at most {limit:,} can be read; cut it to "
            "the city, for instance with `osmium extract --bbox`"
        )
    with tempfile.TemporaryDirectory(prefix="osm-extract-") as folder:
        path = Path(folder) / "extract.osm.pbf"
        digest = _download(version, client, path)
        if version.digest is not None and digest != version.digest:
            raise _corrupt(version, f"its SHA-256 is {digest}, its uploader recorded {version.digest}")
        try:
            contents = read_extract(path)
        except ExtractDamaged as error:
            raise _corrupt(version, str(error)) from error
    return Extract(
        contents.objects,
        contents.rejected,
        uri=version.uri,
        sha256=digest,
        size=version.size,
        verified=version.digest is not None,
    )


def _download(version: _Object, client: S3Client, path: Path) -> str:
    """Write the object to a file piece by piece, and return the SHA-256 of what was written."""
    digest = hashlib.sha256()
    received = 0
    try:
        reply = client.get_object(Bucket=version.bucket, Key=version.key, IfMatch=version.etag)
        with path.open("wb") as file:
            for chunk in reply["Body"].iter_chunks(_CHUNK_BYTES):
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
    except (ClientError, BotoCoreError) as error:
        raise _named(error, version.uri) from error
    if received != version.size:
        raise TransientStorageError(f"{version.uri}: {received:,} of {version.size:,} bytes arrived")
    return digest.hexdigest()


def _corrupt(version: _Object, what: str) -> ExtractCorrupt:
    return ExtractCorrupt(
        f"The OpenStreetMap extract {version.uri} ({version.size:,} bytes) cannot be used: {what}. "
        "Download or cut it again, compare its digest with the publisher's, and upload it anew"
    )


def _named(error: ClientError | BotoCoreError, uri: str) -> Exception:
    """The error of ``lambdas.runtime.errors`` that stands for one of botocore's."""
    if not isinstance(error, ClientError):
        return TransientStorageError(f"{uri}: {error}")
    match error.response["ResponseMetadata"]["HTTPStatusCode"]:
        case 404:
            return ExtractNotFound(
                f"There is no OpenStreetMap extract at {uri}. Upload it there, or correct sources.osm_extract in the "
                "run input"
            )
        case 403:
            return AccessDenied(
                f"The function's role may not read {uri}. It may read extracts below reference/osm/ in the workflow "
                "bucket; S3 answers alike if the object is missing and the role may not list the bucket"
            )
        case 412:
            return TransientStorageError(f"{uri} was replaced while it was read")
        case status if status >= 500:
            return TransientStorageError(f"S3 answered {status} for {uri}")
    return error
