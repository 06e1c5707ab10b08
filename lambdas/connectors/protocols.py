"""What states ask of the outside world, whoever answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lambdas.contracts.candidate import Candidate, Licence, Lineage
from lambdas.places.geo import Disc


@dataclass(frozen=True)
class Boundary:
    """The border of a city.

    Attributes:
        name: The city's name, as the source has it.
        display_name: The same with all that it lies in.
        osm: Its identity in OpenStreetMap, such as ``relation/65606``.
        wikidata_id: Its item in Wikidata.
        country_code: ISO 3166-1, two lower-case letters.
        lat: Latitude of its centre.
        lng: Longitude of its centre.
        box: South, west, north, east.
        geometry: A GeoJSON ``Polygon`` or ``MultiPolygon``; ``None`` where the source has no area of it.
    """

    name: str
    display_name: str
    osm: str
    wikidata_id: str | None
    country_code: str | None
    lat: float
    lng: float
    box: tuple[float, float, float, float]
    geometry: Mapping[str, Any] | None


class Boundaries(Protocol):
    """Knows where cities end."""

    def boundary(self, city: str, area: Disc) -> Boundary | None:
        """The city with a name around the middle of a disc; ``None`` if there is none, or the run may not ask."""


@dataclass(frozen=True)
class Findings:
    """What some answers brought.

    Attributes:
        candidates: The places.
        calls: How many answers they were in, those from the cache included.
    """

    candidates: Sequence[Candidate]
    calls: int


class KnowledgeBase(Protocol):
    """Knows what a city is known for."""

    name: str

    def sights(self, city: str, area: Disc, lineage: Lineage) -> Iterator[Findings]:
        """The places in a disc, after each few calls those that they brought."""


class Places(Protocol):
    """Lists the places of an area, whatever they are known for."""

    name: str

    def places(self, area: Disc, lineage: Lineage) -> Iterator[Findings]:
        """The places in a disc, after each few calls those that they brought."""


@dataclass(frozen=True)
class Hit:
    """A page that a search found.

    Attributes:
        url: Its address, as it was given.
        title: Its title.
        score: How well it fits, 0 to 1.
        via: What led to it.
    """

    url: str
    title: str
    score: float
    via: str


class Search(Protocol):
    """Finds pages."""

    name: str

    def pages(self, queries: Sequence[str]) -> Iterator[Hit]:
        """The pages that fit some queries; fewer where the run may not ask for all."""


@dataclass(frozen=True)
class ToolAnswer:
    """What a language model answered to one question.

    Attributes:
        content: What it gave to the tool that takes its answer; ``None`` where it gave nothing.
        complete: Whether it came to the end of it.
        tokens: Tokens of question and answer together.
    """

    content: Any
    complete: bool
    tokens: int


class Extractor(Protocol):
    """A language model that answers in the form of a tool's input, and can do nothing else."""

    model: str

    def ask(self, system: str, question: str, tool: str, schema: Mapping[str, Any], max_tokens: int) -> ToolAnswer:
        """Ask one question; ``tool`` and ``schema`` give the form of the answer, of at most ``max_tokens`` tokens."""


@dataclass(frozen=True)
class Located:
    """A place that a geocoder knows.

    Attributes:
        name: What the geocoder calls it.
        names: What it is called beside that.
        lat: Latitude in degrees.
        lng: Longitude in degrees.
        street: The street it stands in.
    """

    name: str
    names: Sequence[str]
    lat: float
    lng: float
    street: str | None


class Geocoder(Protocol):
    """Knows where places are.

    Attributes:
        name: What it is.
        licence: Of the positions that it gives.
    """

    name: str
    licence: Licence

    def locate(self, names: Sequence[str], city: str, area: Disc) -> Mapping[str, Sequence[Located]]:
        """What it knows of the names of some places in a disc; names that the run may not ask for are left out."""
