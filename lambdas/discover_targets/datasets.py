"""Data sets on a city: what they are about, in which forms they come, and under which terms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

FileType: TypeAlias = Literal["json", "csv"]

# A frontier message holds no longer address.
_MAX_URL = 2048
_MAX_TITLE = 200

INTENTS: Mapping[str, re.Pattern[str]] = {
    "heritage": re.compile(r"heritage|histor|listed|monument|archaeolog", re.IGNORECASE),
    "public_art": re.compile(r"public[ _-]?art|artwork|sculpture|mural|statue", re.IGNORECASE),
    "parks": re.compile(r"\bparks?\b|garden|green[ _-]?space|playground", re.IGNORECASE),
    "tourism": re.compile(r"touris|visit|attraction|museum", re.IGNORECASE),
    "transport": re.compile(r"transport|\bbus\b|transit|station|tram", re.IGNORECASE),
}
"""What a portal or a data set is about, by its words; without any it is ``open_data``."""

PLACES_WORTH_A_VISIT = frozenset({"heritage", "public_art", "parks", "tourism"})
"""What the places are about that a run reads: what stops and grit bins are named in other data sets is none."""

# The first of these that a data set has is read: positions in GeoJSON are degrees (RFC 7946, section 4), in tables
# often not.
_READABLE: Mapping[str, FileType] = {"GeoJSON": "json", "CSV": "csv"}

_FORMATS: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"\.geojson(?:$|[?&])|[?&](?:outputformat|format|f)=(?:application/)?geojson", "GeoJSON"),
        (r"\.csv(?:$|[?&])|[?&]format=csv|accesstype=download", "CSV"),
        (r"/FeatureServer(?:/|$|\?)", "ArcGIS-FeatureService"),
        (r"/MapServer(?:/|$|\?)", "ArcGIS-MapServer"),
        (r"[?&]service=wfs", "WFS"),
        (r"[?&]service=wms", "WMS"),
        (r"/api/3/action/", "CKAN"),
        (r"/resource/[a-z0-9]{4}-[a-z0-9]{4}(?:\.json|$)", "Socrata"),
        (r"\.json(?:$|[?&])", "JSON"),
    )
)
# As publishers write them in a catalogue's field of the format, and as media types.
_NAMED = {
    "geojson": "GeoJSON",
    "application/geo+json": "GeoJSON",
    "application/vnd.geo+json": "GeoJSON",
    "csv": "CSV",
    "text/csv": "CSV",
    "json": "JSON",
    "application/json": "JSON",
    "wfs": "WFS",
    "wms": "WMS",
}
_LICENCES: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern, re.IGNORECASE), licence)
    for pattern, licence in (
        (r"\bCC0\b|\bcc-zero\b|creativecommons\.org/publicdomain/zero", "CC0-1.0"),
        (r"\bCC[ -]BY[ -](?:NC|ND)\b|creativecommons\.org/licenses/by-n[cd]|\bcc-nc\b", "CC-BY-restricted"),
        (r"attribution[ -]non-?commercial|attribution[ -]no-?deriv", "CC-BY-restricted"),
        # Ids of CKAN (https://github.com/ckan/ckan/blob/master/ckan/model/license.py).
        (r"\bother-(?:nc|closed)\b", "not-open"),
        (r"\bCC[ -]BY[ -]SA\b|creativecommons\.org/licenses/by-sa/", "CC-BY-SA"),
        (r"\bCC[ -]BY\b|creativecommons\.org/licenses/by/", "CC-BY"),
        (r"open government licence|\bOGL\b|\buk-ogl\b|open-government-licence", "OGL-UK-3.0"),
        (r"\bODbL\b|\bodc-odbl\b|open database licen[cs]e", "ODbL-1.0"),
        (r"public[ -]?domain|\bodc-pddl\b", "public-domain"),
    )
)
# Terms that do not allow to use the data for every purpose: such data sets are named, and not read.
_NOT_OPEN = frozenset({"CC-BY-restricted", "not-open"})


@dataclass(frozen=True)
class Endpoint:
    """A form in which a data set comes: ``type`` is one of those of the targets manifest."""

    type: str
    url: str


@dataclass(frozen=True)
class DataSet:
    """A data set.

    Attributes:
        source_url: The page that describes it.
        title: Its title.
        category: One of :data:`INTENTS`, or ``open_data``.
        endpoints: The forms in which it comes, at least one.
        updated: When it last changed, as its publisher says.
        license: An SPDX id where there is one, else a name of the same kind; ``None`` where nothing is said.
    """

    source_url: str
    title: str
    category: str
    endpoints: tuple[Endpoint, ...]
    updated: str | None
    license: str | None

    @property
    def readable(self) -> tuple[str, FileType] | None:
        """The address of the form that a run reads and its type as a frontier message says it; ``None``: there is none,
        or the terms or the subject speak against it."""
        if self.category not in PLACES_WORTH_A_VISIT or self.license in _NOT_OPEN:
            return None
        for form, source_type in _READABLE.items():
            for endpoint in self.endpoints:
                if endpoint.type == form:
                    return endpoint.url, source_type
        return None

    def document(self) -> dict[str, Any]:
        """It as a data set of the targets manifest."""
        return {**asdict(self), "endpoints": [asdict(endpoint) for endpoint in self.endpoints], "fields_hint": []}


def data_set(
    url: str, title: str, files: Iterable[tuple[str, str]], *, about: str = "", licence: str | None, updated: str | None
) -> DataSet | None:
    """A data set of what a page or a catalogue says.

    Args:
        url: The page that describes it.
        title: Its title.
        files: The address of each of its files, and its format as the publisher names it (may be empty).
        about: More words on what it is about.
        licence: As in ``DataSet``.
        updated: As in ``DataSet``.

    Returns:
        The data set; ``None`` where none of its files is in a form that is known.
    """
    endpoints = tuple(
        dict.fromkeys(
            Endpoint(kind, link)
            for link, named in ((link.replace(" ", "%20"), named) for link, named in files)
            if link.startswith(("http://", "https://"))
            and len(link) <= _MAX_URL
            and (kind := _NAMED.get(named.casefold()) or format_of(link))
        )
    )
    if not endpoints:
        return None
    return DataSet(url, (title or url)[:_MAX_TITLE], intent_of(f"{title} {about} {url}"), endpoints, updated, licence)


def intent_of(text: str) -> str:
    """What a text is about."""
    return next((intent for intent, pattern in INTENTS.items() if pattern.search(text)), "open_data")


def format_of(url: str) -> str | None:
    """The format of a file by its address."""
    return next((kind for pattern, kind in _FORMATS if pattern.search(url)), None)


def licence_of(text: str) -> str | None:
    """The first licence of the list above that a text names; ``None``: it names none."""
    return next((licence for pattern, licence in _LICENCES if pattern.search(text)), None)
