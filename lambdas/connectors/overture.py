"""Overture Maps' places (https://docs.overturemaps.org/guides/places/): GeoParquet in a public bucket, read by DuckDB.

No key opens it, and requests are not signed: a signed one would need a permission of the function's role for a bucket
that everybody may read. Of the files DuckDB reads the footers, and then the row groups and columns that a box needs.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.connectors.overture_candidate import document_of, to_candidate
from lambdas.connectors.protocols import Findings
from lambdas.contracts.candidate import Candidate, Lineage
from lambdas.contracts.connectors import Connector, Split
from lambdas.places.geo import Disc, offset
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.documents import Json
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable, StageError, Throttled
from lambdas.runtime.run import Run

if TYPE_CHECKING:
    from lambdas.connectors.parquet_boxes import Reader

NAME = "overture"
BUCKET, REGION = "overturemaps-us-west-2", "us-west-2"
MOST_ROWS = 10_000
"""Rows in one answer, some 5 MB; a box that holds more is read in four."""

_RELEASE = re.compile(r"release/(\d{4}-\d{2}-\d{2}\.\d+)/")
_LATEST = "latest"
# A box of some metres that still holds more than an answer is not read any further.
_MOST_SPLITS = 12
# The border of a disc is met by a box that is a little larger: boxes of features are rounded to 32 bits.
_MARGIN_M = 5.0
# A first call from far away reads the footers of all files.
_CALL_SECONDS = 60.0
_SETTLING_SECONDS = 5.0
_CONFIG = Config(
    signature_version=UNSIGNED,
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 3},
    s3={"addressing_style": "path"},
)


@dataclass(frozen=True)
class Box:
    """A box in degrees; what lies on its north and east sides belongs to the next one."""

    south: float
    west: float
    north: float
    east: float
    splits: int = 0

    @classmethod
    def around(cls, area: Disc) -> list[Box]:
        """The box around a disc; two where it lies across the 180th meridian."""
        reach = area.radius_m + _MARGIN_M
        south, north = offset(area.center, 0, -reach).lat, offset(area.center, 0, reach).lat
        # A circle of latitude is shorter at the side that is nearer to the pole.
        outermost = max((south, north), key=abs)
        west = offset((outermost, area.center.lng), -reach, 0).lng
        east = offset((outermost, area.center.lng), reach, 0).lng
        if west <= east:
            return [cls(south, west, north, east)]
        return [cls(south, west, north, 180.0 + 1e-6), cls(south, -180.0, north, east)]

    def quarters(self) -> list[Box]:
        """The four boxes that it is made of."""
        lat, lng, splits = (self.south + self.north) / 2, (self.west + self.east) / 2, self.splits + 1
        return [
            Box(south, west, north, east, splits)
            for south, north in ((self.south, lat), (lat, self.north))
            for west, east in ((self.west, lng), (lng, self.east))
        ]


class Overture:
    """Overture Maps for a run.

    Args:
        run: The run that asks.
        said: What the stack says of it: ``release``, ``endpoint_url``.
        split: For whom it is asked.

    Attributes:
        release: The release that is read; ``None`` before the first call.
        left_out: How many features were left out, by reason.
        unresolved: How many boxes hold more than was read of them.
    """

    name = NAME

    def __init__(self, run: Run, said: Mapping[str, Any], split: Split = Split.SECONDARIES) -> None:
        self._run = run
        self._said = str(said.get("release") or _LATEST)
        self._endpoint = str(said.get("endpoint_url") or f"https://s3.{REGION}.amazonaws.com")
        self._split = split
        self.release: str | None = None
        self.left_out: Counter[str] = Counter()
        self.unresolved = 0

    def forget(self) -> None:
        """Begin the counts anew."""
        self.left_out.clear()
        self.unresolved = 0

    def places(self, area: Disc, lineage: Lineage) -> Iterator[Findings]:
        """See ``Places``; nothing where the run may not ask.

        Raises:
            Throttled: S3 asks to be left alone.
            ServiceUnavailable: It failed, did not answer in time, or cannot be reached.
            ServiceRefused: There is no such release, it may not be read, or it is no place data.
            LedgerUnavailable: The ledger could not be used.
        """
        self.release = self._said if self._said != _LATEST else self._latest()
        if self.release is None:
            return
        pending = deque(Box.around(area))
        while pending:
            box = pending.popleft()
            replies = self._run.call(Connector.OVERTURE, [self._request(box)], self._fetch, self._split)
            if not replies:
                return
            body: Any = replies[0].body
            if body["more"]:
                if box.splits < _MOST_SPLITS:
                    pending.extend(box.quarters())
                    continue
                self.unresolved += 1
            self.left_out.update(body["left_out"])
            found = (to_candidate(place, self.release, lineage) for place in body["places"])
            yield Findings([place for place in found if _inside(place, area)], calls=1)

    def _latest(self) -> str | None:
        """The newest release: asked for once in a run, all attempts of which read the same."""
        request = Request({"service": self._endpoint, "list": "release/", "run": self._run.run_id})
        for reply in self._run.call(Connector.OVERTURE, [request], self._list, self._split):
            body: Any = reply.body
            return str(body["release"])
        return None

    def _list(self, request: Request) -> Reply:
        known = [found[1] for prefix in self._prefixes() if (found := _RELEASE.fullmatch(prefix))]
        if not known:
            raise ServiceRefused(f"{self._where} lists no release")
        return Reply(request, {"release": max(known, key=_by_date)}, units=1, items=len(known))

    def _request(self, box: Box) -> Request:
        sides: dict[str, Json] = {"south": box.south, "west": box.west, "north": box.north, "east": box.east}
        # At the end of the splits what fits is taken.
        whole = box.splits < _MOST_SPLITS
        return Request({"service": self._endpoint, "release": self.release, "most": MOST_ROWS, "whole": whole, **sides})

    def _fetch(self, request: Request) -> Reply:
        params = request.params
        seconds = min(_CALL_SECONDS, self._run.deadline.remaining() - _SETTLING_SECONDS)
        rows = self._reader.rows(params, params["most"] + 1, seconds)
        places: list[Any] = []
        left_out: Counter[str] = Counter()
        count = 0
        for row in rows:
            count += 1
            if count > params["most"]:
                break
            document = document_of(row)
            if isinstance(document, str):
                left_out[document] += 1
            else:
                places.append(document)
        more = count > params["most"]
        if more and params["whole"]:
            places.clear()
            left_out.clear()
        # DuckDB's threads bring rows as they come.
        places.sort(key=lambda place: place["id"])
        body = {
            "release": params["release"],
            "more": more,
            "left_out": dict(sorted(left_out.items())),
            "places": places,
        }
        return Reply(request, body, units=1, items=len(places))

    @cached_property
    def _reader(self) -> Reader:
        from lambdas.connectors.parquet_boxes import Reader  # noqa: PLC0415 - DuckDB takes its time

        keys = self._keys(f"release/{self.release}/theme=places/type=place/")
        files = [f"s3://{BUCKET}/{key}" for key in keys if key.endswith(".parquet")]
        if not files:
            raise ServiceRefused(
                f"{self._where} has no places of release {self.release}; releases are kept for some sixty days. Set "
                "connectors.overture.release to one that stands, or leave it out for the latest"
            )
        return Reader(files, self._endpoint, REGION, self._where)

    @property
    def _where(self) -> str:
        return f"overture at {self._endpoint}/{BUCKET}"

    def _prefixes(self) -> Iterator[str]:
        for page in self._pages(Prefix="release/", Delimiter="/"):
            yield from (one["Prefix"] for one in page.get("CommonPrefixes", ()))

    def _keys(self, prefix: str) -> list[str]:
        return [item["Key"] for page in self._pages(Prefix=prefix) for item in page.get("Contents", ())]

    def _pages(self, **asked: str) -> Iterator[Mapping[str, Any]]:
        client: Any = boto3.Session().client("s3", region_name=REGION, endpoint_url=self._endpoint, config=_CONFIG)
        try:
            yield from client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, **asked)
        except (ClientError, BotoCoreError) as error:
            raise _named(error, self._where) from error


def _named(error: ClientError | BotoCoreError, where: str) -> StageError:
    """The error that stands for one of botocore's."""
    if not isinstance(error, ClientError):
        return ServiceUnavailable(f"{where} could not be asked: {error}")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return refused_by(status, f"{where}: {error}")


def refused_by(status: int, said: str) -> StageError:
    """The error that stands for a status of S3.

    Args:
        status: Of HTTP.
        said: What is to be told.
    """
    if status == 429 or "SlowDown" in said:
        return Throttled(said)
    if status >= 500 or status == 0:
        return ServiceUnavailable(said)
    failure = ServiceRefused(said)
    failure.status = status
    return failure


def _by_date(release: str) -> tuple[str, int]:
    date, _, number = release.partition(".")
    return date, int(number)


def _inside(place: Candidate, area: Disc) -> bool:
    return place.lat is not None and place.lng is not None and area.contains((place.lat, place.lng))
